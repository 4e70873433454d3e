//! Invented people for benches and simulations: the same seed gives the same people. Nothing here is anybody's datum.

use fieldmerge_protocol::{Path, Value};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

const FAMILY: &[&str] = &[
    "Rakotomalala",
    "Rasoanirina",
    "Andrianarisoa",
    "Ravaosolo",
    "Randrianasolo",
    "Razafindrakoto",
    "Rabemananjara",
    "Rakotoarisoa",
    "Ramanantsoa",
    "Raharimalala",
    "Rasolofoson",
    "Andriamanana",
    "Coulibaly",
    "Traoré",
    "Diallo",
    "Keïta",
    "Diarra",
    "Sissoko",
    "Dembélé",
    "Jean-Baptiste",
    "Joseph",
    "François",
    "Étienne",
    "Pierre-Louis",
];
const GIVEN: &[&str] = &[
    "Voahangy",
    "Hery",
    "Lalao",
    "Tahina",
    "Mamy",
    "Noro",
    "Fara",
    "Tiana",
    "Solofo",
    "Haja",
    "Fatoumata",
    "Moussa",
    "Aïssata",
    "Amadou",
    "Mariam",
    "Ibrahima",
    "Marie-Claire",
    "Wilner",
    "Rosemène",
    "Jocelyn",
    "Bakoly",
    "Zo",
];
const VILLAGES: &[&str] = &[
    "Ambohimena",
    "Ankazobe-Sud",
    "Anjoma-Est",
    "Manasoa",
    "Ambalasoa",
    "Mahazoarivo",
    "Iarintsena",
    "Soatanana",
    "Andranovory",
    "Tsaratanana",
    "Fenoarivo",
    "Antanimena",
];
const PCODES: &[&str] = &["MG21205050", "MG21205090", "MG21205010", "MG21205130"];
const LANGUAGES: &[&str] = &["mlg", "fra", "bam", "hat", "ara"];

/// A seeded source of invented people.
#[derive(Debug)]
pub struct People {
    rng: ChaCha8Rng,
    made: u32,
}

impl People {
    /// The people of this seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), made: 0 }
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        self.rng.next_u32() % bound
    }

    /// Random bytes, for ids.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    fn pick(&mut self, from: &[&'static str]) -> Value {
        let index = self.below(u32::try_from(from.len()).expect("a short list")) as usize;
        Value::str(from[index])
    }

    /// The core answers of one more worker.
    pub fn worker(&mut self) -> Vec<(Path, Value)> {
        self.made += 1;
        let year = 1960 + self.below(48);
        let exact = self.below(3) > 0;
        let date = format!("{year}-{:02}-{:02}", 1 + self.below(12), 1 + self.below(28));
        let phone = format!("+26134{:07}", self.below(10_000_000));
        let check = self.below(10);
        let number = format!("12-{:05}-k3-{check}", self.made);
        let mut answers = vec![
            ("family_name", self.pick(FAMILY)),
            ("given_names", self.pick(GIVEN)),
            ("name_script", Value::str("Latn")),
            ("sex", self.pick(&["female", "male"])),
            ("birth_year", Value::Int(i64::from(year))),
            ("birth_precision", Value::str(if exact { "day" } else { "estimated" })),
            ("age_evidence", self.pick(&["id", "birth_cert", "authority", "declared"])),
            ("phone", Value::str(phone)),
            ("phone_shared", Value::Bool(self.made.is_multiple_of(4))),
            ("national_id_type", Value::str("cin")),
            ("residence_pcode", self.pick(PCODES)),
            ("residence_village", self.pick(VILLAGES)),
            ("preferred_language", self.pick(&["mlg", "fra"])),
            ("birth_country", Value::str("MDG")),
            ("isced_level", self.pick(&["0", "1", "2", "3"])),
            ("in_education_training", Value::Bool(self.made.is_multiple_of(9))),
            ("labour_status_before", self.pick(&["employed", "unemployed", "outside"])),
            ("worker_number", Value::str(number)),
        ];
        if exact {
            answers.push(("birth_date", Value::str(date)));
        }
        let mut answers = named(answers);
        for language in LANGUAGES.iter().take(1 + self.below(3) as usize) {
            answers.push((path(&format!("languages/{language}")), Value::Bool(true)));
        }
        answers
    }

    /// The inclusion answers of one worker: the Washington Group short set, displacement, citizenship.
    pub fn observation(&mut self) -> Vec<(Path, Value)> {
        let mut answers = Vec::new();
        for question in ["seeing", "hearing", "walking", "remembering", "selfcare", "communicating"] {
            answers.push((
                path(&format!("wg_{question}")),
                self.pick(&["1", "1", "1", "1", "1", "2", "2", "3"]),
            ));
        }
        answers.extend(named(vec![
            ("wg_respondent", Value::str("self")),
            ("displacement_status", self.pick(&["host", "host", "host", "idp"])),
            ("citizenship", Value::str("MDG")),
        ]));
        answers
    }
}

/// A path that is known to be valid.
pub fn path(text: &str) -> Path {
    Path::new(text).expect("a path written in this crate follows the grammar")
}

fn named(answers: Vec<(&str, Value)>) -> Vec<(Path, Value)> {
    answers.into_iter().map(|(name, value)| (path(name), value)).collect()
}
