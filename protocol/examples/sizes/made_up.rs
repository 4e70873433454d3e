//! Records made up from lists. No person in them exists.

use fieldmerge_protocol::{
    Action, Actor, Change, ChangeHash, DeviceId, Incarnation, Op, OpId, Path, RecordId, Value,
};

const FAMILY: [&str; 24] = [
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
    "Rako",
    "Ramaro",
    "Rande",
    "Ratovo",
];
const FAMILY_END: [&str; 16] = [
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
];
const GIVEN: [&str; 40] = [
    "Hery",
    "Voahangy",
    "Lala",
    "Tsiory",
    "Fara",
    "Naina",
    "Solo",
    "Bako",
    "Nirina",
    "Mamy",
    "Haja",
    "Vola",
    "Rivo",
    "Tahina",
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
    "Tovo",
    "Noro",
    "Feno",
    "Hasina",
    "Dina",
    "Kanto",
    "Rova",
    "Tiana",
    "Liva",
    "Manda",
    "Ravo",
    "Sariaka",
    "Volatiana",
];
const VILLAGES: [&str; 30] = [
    "Ambohimena",
    "Ankazobe-Sud",
    "Ambatolampy",
    "Antanifotsy",
    "Mahitsy",
    "Fihaonana",
    "Talata",
    "Sambaina",
    "Ilafy",
    "Manjakandriana",
    "Ambohidratrimo",
    "Imerintsiatosika",
    "Arivonimamo",
    "Miarinarivo",
    "Soavinandriana",
    "Analavory",
    "Tsiroanomandidy",
    "Faratsiho",
    "Betafo",
    "Mandoto",
    "Antsirabe",
    "Ambositra",
    "Fandriana",
    "Ambatofinandrahana",
    "Manandriana",
    "Ambohimahasoa",
    "Ikalamavony",
    "Isandra",
    "Lalangina",
    "Vohibato",
];
const LANGUAGES: [&str; 6] = ["mlg", "fra", "swa", "eng", "ara", "com"];

/// A seeded generator; any good mixer does for made-up data.
pub struct Dice(u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn number(&mut self, from: i64, to: i64) -> i64 {
        from + self.below((to - from).unsigned_abs()).cast_signed()
    }

    /// Mostly the first, seldom the last.
    fn skewed<'a>(&mut self, list: &[&'a str]) -> &'a str {
        let one = self.below(list.len() as u64);
        let other = self.below(list.len() as u64);
        let third = self.below(list.len() as u64);
        list[one.min(other).min(third) as usize]
    }

    fn any<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u64) as usize]
    }
}

/// A change, its record and its hash.
#[derive(Clone)]
pub struct Kept {
    pub record: RecordId,
    pub change: Change,
    pub hash: ChangeHash,
}

/// One person with one phone.
pub struct Author {
    dice: Dice,
    actor: Actor,
    now: i64,
    count: u64,
}

type Puts = Vec<(String, Value)>;

impl Author {
    pub fn new(seed: u64, device: u8) -> Self {
        let mut dice = Dice(seed);
        let mut bytes = [device; 10];
        bytes[1..9].copy_from_slice(&dice.next().to_le_bytes());
        let incarnation = Incarnation((dice.next() as u32).to_le_bytes());
        let actor = Actor::new(DeviceId(bytes), 0, incarnation);
        Self { dice, actor, now: 1_772_000_000_000, count: 0 }
    }

    fn uuid(&mut self) -> [u8; 16] {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.dice.next().to_be_bytes());
        id[8..].copy_from_slice(&self.dice.next().to_be_bytes());
        id[..6].copy_from_slice(&self.now.to_be_bytes()[2..]);
        id[6] = 0x70 | id[6] & 0x0f;
        id[8] = 0x80 | id[8] & 0x3f;
        id
    }

    fn date(&mut self, from: i64, to: i64) -> String {
        let (year, month, day) =
            (self.dice.number(from, to), self.dice.number(1, 13), self.dice.number(1, 29));
        format!("{year}-{month:02}-{day:02}")
    }

    /// A new worker with about so many operations (at most 45 and a few languages).
    pub fn register(&mut self, ops: usize) -> Kept {
        self.now += self.dice.number(90_000, 420_000);
        self.count += 1;
        let id = self.uuid();
        let mut puts: Puts = Vec::new();
        puts.push(("_id".into(), Value::Bytes(id.to_vec())));
        puts.push(("_type".into(), Value::str("worker")));
        puts.push(("_area".into(), Value::Bytes(vec![4; 16])));
        self.identity(&mut puts);
        self.situation(&mut puts);
        self.rest(&mut puts);
        puts.truncate(ops);
        let ops = puts.into_iter().map(|(path, value)| put(&path, value, Vec::new())).collect();
        let change = Change { actor: self.actor, seq: 1, start_op: 1, time: self.now, deps: Vec::new(), ops };
        let hash = change.encode().1;
        Kept { record: RecordId(id), change, hash }
    }

    fn identity(&mut self, puts: &mut Puts) {
        let family = format!("{}{}", self.dice.skewed(&FAMILY), self.dice.skewed(&FAMILY_END));
        let given = if self.dice.below(3) == 0 {
            format!("{} {}", self.dice.any(&GIVEN), self.dice.any(&GIVEN))
        } else {
            self.dice.any(&GIVEN).to_owned()
        };
        let check = char::from(b'A' + self.dice.below(23) as u8);
        let mut text = |path: &str, value: &str| puts.push((path.into(), Value::str(value)));
        text("worker_number", &format!("07-{:04}-K3-{check}", self.count));
        text("family_name", &family);
        text("given_names", &given);
        text("name_script", "Latn");
        text("sex", self.dice.skewed(&["female", "male", "prefer_not_to_say"]));
        if self.dice.below(4) > 0 {
            let birth = self.date(1960, 2007);
            puts.push(("birth_date".into(), Value::str(&birth)));
            puts.push(("birth_year".into(), Value::Int(birth[..4].parse().expect("a year"))));
            puts.push(("birth_precision".into(), Value::str("day")));
        } else {
            puts.push(("birth_year".into(), Value::Int(self.dice.number(1960, 2007))));
            puts.push(("birth_precision".into(), Value::str(self.dice.skewed(&["year", "estimated"]))));
        }
        let mut text = |path: &str, value: &str| puts.push((path.into(), Value::str(value)));
        text(
            "age_evidence",
            self.dice.skewed(&["national_id", "birth_certificate", "declared", "other_paper"]),
        );
        if self.dice.below(10) < 7 {
            text("phone", &format!("+2613400{:05}", self.dice.below(100_000)));
        }
        puts.push(("phone_shared".into(), Value::Bool(self.dice.below(5) == 0)));
    }

    fn situation(&mut self, puts: &mut Puts) {
        let village = self.dice.below(30) as usize;
        let mut text = |path: &str, value: &str| puts.push((path.into(), Value::str(value)));
        text("national_id_type", self.dice.skewed(&["cin", "none", "birth_certificate", "passport"]));
        text("residence_pcode", &format!("MG11{:02}{:03}", village / 6, village * 7));
        text("residence_village", VILLAGES[village]);
        for (index, language) in LANGUAGES.iter().enumerate() {
            if self.dice.below(1 + 2 * index as u64) == 0 {
                puts.push((format!("languages/{language}"), Value::Bool(true)));
            }
        }
        let mut text = |path: &str, value: &str| puts.push((path.into(), Value::str(value)));
        text("preferred_language", self.dice.skewed(&LANGUAGES[..2]));
        text("birth_country", self.dice.skewed(&["MDG", "MDG", "COM"]));
        text("isced_level", self.dice.any(&["0", "1", "2", "3", "4", "X"]));
        puts.push(("in_education_training".into(), Value::Bool(self.dice.below(12) == 0)));
        let mut text = |path: &str, value: &str| puts.push((path.into(), Value::str(value)));
        text("labour_status_before", self.dice.any(&["employed", "unemployed", "own_use", "outside"]));
        text("displacement_status", self.dice.skewed(&["host", "idp", "returnee", "refugee"]));
        for question in ["seeing", "hearing", "walking", "remembering", "self_care", "communicating"] {
            let answer = self.dice.skewed(&["1", "1", "1", "2", "3", "4"]);
            puts.push((format!("wg/{question}"), Value::Int(answer.parse().expect("a number"))));
        }
    }

    fn rest(&mut self, puts: &mut Puts) {
        let lat = 18.9 + self.dice.below(1_000_000) as f64 / 1e7;
        let lon = 47.5 + self.dice.below(1_000_000) as f64 / 1e7;
        let place =
            format!("-{lat:.7} {lon:.7} {} {}", self.dice.number(1_200, 1_400), self.dice.number(3, 12));
        puts.push(("place".into(), Value::str(&place)));
        puts.push(("household/size".into(), Value::Int(self.dice.number(1, 9))));
        puts.push(("household/children".into(), Value::Int(self.dice.number(0, 5))));
        puts.push(("household/head".into(), Value::Bool(self.dice.below(2) == 0)));
        let mut text = |path: &str, value: &str| puts.push((path.into(), Value::str(value)));
        text("marital_status", self.dice.skewed(&["married", "single", "widowed", "separated"]));
        text("payment_channel", self.dice.skewed(&["mobile_money", "cash"]));
        text("payment_operator", self.dice.skewed(&["mvola", "orange", "airtel"]));
        let contact =
            format!("{}{} {}", self.dice.any(&FAMILY), self.dice.any(&FAMILY_END), self.dice.any(&GIVEN));
        text("contact/name", &contact);
        text("contact/phone", &format!("+2613400{:05}", self.dice.below(100_000)));
        text("contact/link", self.dice.skewed(&["spouse", "parent", "sibling", "child", "neighbour"]));
        text(
            "skills/main",
            self.dice.any(&["none", "mason", "carpenter", "driver", "cook", "smith", "farmer"]),
        );
        let years = self.dice.number(0, 20);
        puts.push(("skills/years".into(), Value::Int(years)));
        puts.push(("work/can_lift".into(), Value::Bool(self.dice.below(10) > 0)));
        puts.push(("work/distance_km".into(), Value::F64(self.dice.below(80) as f64 / 10.0)));
        let mut text = |path: &str, value: &str| puts.push((path.into(), Value::str(value)));
        text("consent/version", "2026-1");
        text("consent/given", "yes");
        text("consent/date", "2026-03-02");
    }

    /// Changes some fields of a record.
    pub fn edit(&mut self, base: &Kept, most: u64) -> Kept {
        self.now += self.dice.number(20_000, 400_000);
        let mut ops: Vec<Op> = Vec::new();
        let fields = 1 + self.dice.below(most);
        let mut picks: Vec<usize> =
            (0..fields).map(|_| 3 + self.dice.below(base.change.ops.len() as u64 - 3) as usize).collect();
        picks.sort_unstable();
        picks.dedup();
        let other = self.register(60);
        for pick in picks {
            let op = &base.change.ops[pick];
            let value = other.change.ops.iter().find(|other| other.path == op.path).map(|op| &op.action);
            let Action::Put(value) = value.unwrap_or(&op.action).clone() else { continue };
            let pred = OpId { counter: base.change.start_op + pick as u64, actor: base.change.actor };
            ops.push(put(op.path.as_str(), value, vec![pred]));
        }
        let seq = if self.actor == base.change.actor { base.change.seq + 1 } else { 1 };
        let start_op = base.change.max_op() + 1;
        let change = Change { actor: self.actor, seq, start_op, time: self.now, deps: vec![base.hash], ops };
        let hash = change.encode().1;
        Kept { record: base.record, change, hash }
    }

    /// A log of sheets: each names the date and, for each worker, presence, quarters of a day and hours.
    pub fn sheets(&mut self, sheets: u64, workers: u64) -> Vec<Kept> {
        let id = self.uuid();
        let mut kept: Vec<Kept> = Vec::new();
        let (mut entry, mut start_op) = (0, 1);
        for sheet in 0..sheets {
            self.now += 86_400_000 + self.dice.number(0, 3_600_000);
            let mut ops = Vec::new();
            if sheet == 0 {
                ops.push(put("_id", Value::Bytes(id.to_vec()), Vec::new()));
                ops.push(put("_type", Value::str("attendance"), Vec::new()));
                ops.push(put("_area", Value::Bytes(vec![4; 16]), Vec::new()));
                for worker in 0..workers {
                    let worker_id = self.uuid();
                    ops.push(put(&format!("p/{worker}"), Value::Bytes(worker_id.to_vec()), Vec::new()));
                }
            }
            let date = format!("2026-03-{:02}", 1 + sheet);
            for worker in 0..workers {
                let bytes = self.event(worker, &date);
                ops.push(put(&format!("e/{entry}"), Value::Bytes(bytes), Vec::new()));
                entry += 1;
            }
            let deps = kept.last().map(|last| last.hash).into_iter().collect();
            let count = ops.len() as u64;
            let change = Change { actor: self.actor, seq: sheet + 1, start_op, time: self.now, deps, ops };
            start_op += count;
            let hash = change.encode().1;
            kept.push(Kept { record: RecordId(id), change, hash });
        }
        kept
    }

    fn event(&mut self, worker: u64, date: &str) -> Vec<u8> {
        let absent = self.dice.below(11) == 0;
        let mut encoder = minicbor::Encoder::new(Vec::new());
        let filled = if absent {
            encoder
                .array(5)
                .and_then(|e| e.u64(worker))
                .and_then(|e| e.str(date))
                .and_then(|e| e.str("absent"))
        } else {
            encoder
                .array(5)
                .and_then(|e| e.u64(worker))
                .and_then(|e| e.str(date))
                .and_then(|e| e.str("present"))
        };
        let present = if self.dice.below(13) == 0 { 2 } else { 4 };
        let share = if absent { 0 } else { present };
        filled.and_then(|e| e.u64(share)).and_then(|e| e.u64(share * 2)).expect("a Vec takes everything");
        encoder.into_writer()
    }
}

fn put(path: &str, value: Value, pred: Vec<OpId>) -> Op {
    Op { path: Path::new(path).expect("a valid path"), action: Action::Put(value), pred }
}
