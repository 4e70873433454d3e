//! Invented people for benches and simulations: the same seed gives the same people. Nothing here is anybody's datum.

use fieldmerge_model::pack::himo_types;
use fieldmerge_protocol::{Path, Value};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

const FAMILY: &[&str] = &[
    "Rakoto",
    "Rasoa",
    "Andria",
    "Razafin",
    "Ranaivo",
    "Rabe",
    "Rajaona",
    "Randria",
    "Ravelo",
    "Rasolo",
    "Rakotondra",
    "Ratsima",
    "Ramana",
    "Rahari",
    "Razana",
    "Rasamo",
    "Andriama",
    "Raveloma",
    "Rafano",
    "Rabemana",
    "Ramaro",
    "Ratovo",
];
const FAMILY_END: &[&str] = &[
    "malala",
    "arisoa",
    "mihaja",
    "drakoto",
    "rivelo",
    "nirina",
    "manana",
    "solo",
    "nantenaina",
    "harisoa",
    "mampianina",
    "ntsoa",
    "zafy",
    "lalao",
    "tiana",
    "njara",
    "be",
    "noro",
    "fara",
    "zanany",
];
const FAMILY_ELSEWHERE: &[&str] = &[
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
    "Bako",
    "Nirina",
    "Vola",
    "Rivo",
    "Miora",
    "Fitia",
    "Zo",
    "Njaka",
    "Onja",
    "Lanto",
    "Soa",
    "Toky",
    "Faniry",
    "Ando",
    "Sitraka",
    "Mialy",
    "Aina",
    "Feno",
    "Hasina",
    "Dina",
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
    "Ambatolampy",
    "Mahitsy",
    "Sambaina",
    "Ilafy",
    "Betafo",
    "Mandoto",
    "Isandra",
    "Vohibato",
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

    fn text(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(u32::try_from(from.len()).expect("a short list")) as usize]
    }

    fn pick(&mut self, from: &[&'static str]) -> Value {
        Value::str(self.text(from))
    }

    fn family_name(&mut self) -> String {
        match self.below(6) {
            0 => self.text(FAMILY_ELSEWHERE).to_owned(),
            _ => format!("{}{}", self.text(FAMILY), self.text(FAMILY_END)),
        }
    }

    fn given_names(&mut self) -> String {
        match self.below(3) {
            0 => format!("{} {}", self.text(GIVEN), self.text(GIVEN)),
            _ => self.text(GIVEN).to_owned(),
        }
    }

    fn phone(&mut self) -> String {
        let network = self.text(&["32", "33", "34", "38"]);
        format!("+261{network}{:07}", self.below(10_000_000))
    }

    /// The core answers of one more worker.
    pub fn worker(&mut self) -> Vec<(Path, Value)> {
        self.made += 1;
        let (family_name, given_names) = (self.family_name(), self.given_names());
        let year = 1960 + self.below(48);
        let exact = self.below(4) > 0;
        let date = format!("{year}-{:02}-{:02}", 1 + self.below(12), 1 + self.below(28));
        let phone = (self.below(10) < 7).then(|| self.phone());
        let known_as = (self.below(4) == 0).then(|| self.text(GIVEN));
        let village = self.below(20) as usize;
        let (digit, check) = (self.below(10), self.text(&["A", "7", "K", "X", "3", "0"]));
        let number = format!("12-{:05}-A{digit}{check}", self.made);
        let mut answers = vec![
            ("worker_number", Value::str(number)),
            ("family_name", Value::str(family_name)),
            ("given_names", Value::str(given_names)),
            ("name_script", Value::str("Latn")),
            ("sex", self.pick(&["female", "female", "male"])),
            ("birth_year", Value::Int(i64::from(year))),
            ("birth_precision", Value::str(if exact { "day" } else { "estimated" })),
            ("age_evidence", self.pick(&["id", "id", "birth_cert", "authority", "declared"])),
            ("phone_shared", Value::Bool(self.below(5) == 0)),
            ("national_id_type", Value::str("national_card")),
            ("residence_pcode", Value::str(PCODES[village / 5])),
            ("residence_village", Value::str(VILLAGES[village])),
            ("preferred_language", self.pick(&["mlg", "mlg", "fra"])),
            ("birth_country", Value::str("MDG")),
            ("isced_level", self.pick(&["0", "1", "1", "2", "3"])),
            ("in_education_training", Value::Bool(self.below(9) == 0)),
            ("labour_status_before", self.pick(&["employed", "unemployed", "outside"])),
        ];
        answers.extend(exact.then(|| ("birth_date", Value::str(date))));
        answers.extend(phone.map(|phone| ("phone", Value::str(phone))));
        answers.extend(known_as.map(|name| ("known_as", Value::str(name))));
        let mut answers = named(answers);
        for language in LANGUAGES.iter().take(1 + self.below(3) as usize) {
            answers.push((path(&format!("languages/{language}")), Value::Bool(true)));
        }
        // An app asks in the order of the form.
        let form = himo_types().find("worker").expect("a type of the pack");
        let place =
            |path: &Path| form.fields.iter().position(|field| path.as_str().starts_with(field.name.as_str()));
        answers.sort_by_key(|(path, _)| place(path));
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
