//! Any order, any duplication, any split into requests: the same records, cases, agreed values and heads.

use std::collections::BTreeMap;

use fieldmerge_engine::SyncEnd;
use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{Change, RecordId, Value};
use fieldmerge_tests::database::{Database, Kind};
use fieldmerge_tests::world::census::Census;
use fieldmerge_tests::world::raw::{Author, Post};
use fieldmerge_tests::world::seeds;
use fieldmerge_tests::world::site::{START_MS, Site};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::place::{BOTH, Draft, WRITES};

const AGAIN: &str = "cargo test -p fieldmerge-tests --test sync convergence";
/// How often each history is told.
const TELLINGS: u64 = 3;

#[test]
fn every_telling_of_a_history_ends_alike() {
    let templates = BOTH.map(Template::make);
    seeds::run(0, 40, AGAIN, |seed| {
        // Every fourth on PostgreSQL: what is under test is the merge, which both databases share.
        let template = &templates[usize::from(seed % 4 == 3)];
        seeds::runtime().block_on(async {
            let history = History::invent(template, seed);
            let mut first: Option<Census> = None;
            for telling in 0..TELLINGS {
                let census = history.tell(template, seed * 100 + telling).await;
                match &first {
                    Some(first) => census.assert_same_as(first),
                    None => first = Some(census),
                }
            }
        });
    });
}

/// A project with three authors, of which each telling gets a copy.
struct Template {
    database: Database,
    site: Site,
    authors: Vec<Author>,
}

impl Template {
    fn make(kind: Kind) -> Self {
        seeds::runtime().block_on(async {
            let database = Database::new(kind).await;
            let site = Site::found(&database, 1, &["S1", "S2"]).await;
            let mut authors = Vec::new();
            for seed in 1..=3 {
                authors.push(Author::enrolled(&site, &format!("author {seed}"), seed, &WRITES).await);
            }
            site.app.close().await;
            Self { database, site, authors }
        })
    }

    fn feed(&self) -> Feed {
        Feed { area: self.site.areas[0], class: fieldmerge_protocol::RecordClass::Core }
    }
}

/// Frames of three authors who saw each other's changes now and then.
struct History {
    authors: Vec<Author>,
    /// The frames, and whose they are.
    frames: Vec<(usize, Vec<u8>)>,
    changes: usize,
}

/// What one author has seen of each record.
type View = BTreeMap<RecordId, Draft>;

impl History {
    fn invent(template: &Template, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut below = |bound: u32| rng.next_u32() % bound;
        let mut authors = template.authors.clone();
        let area = template.site.areas[0];
        let mut views: Vec<View> = vec![View::new(); 3];
        let mut packed: Vec<Vec<(RecordId, Change)>> = vec![Vec::new(); 3];
        let mut history = Self { authors: Vec::new(), frames: Vec::new(), changes: 0 };
        for number in 0..2_u8 {
            let author = usize::from(number);
            let (draft, change) = Draft::worker(&authors[author], area, number + 1, "Rabe");
            packed[author].push((draft.id, change));
            for view in &mut views {
                view.insert(draft.id, draft.clone());
            }
            history.changes += 1;
        }
        for _ in 0..20 + below(15) {
            let author = below(3) as usize;
            let id = RecordId([1 + u8::try_from(below(2)).expect("small"); 16]);
            if below(5) == 0 {
                // Sees what somebody else has seen.
                let theirs = views[below(3) as usize][&id].state.clone();
                let mine = views[author].get_mut(&id).expect("everybody knows both");
                theirs.changes().for_each(|stored| mine.take(&stored.change));
            } else {
                let (name, value) = match below(4) {
                    0 => ("sex", Value::str(["female", "male"][below(2) as usize])),
                    1 => ("phone", Value::str(format!("+2613400000{:02}", below(99)))),
                    _ => ("birth_year", Value::Int(1990 + i64::from(below(3)))),
                };
                let draft = views[author].get_mut(&id).expect("everybody knows both");
                let stands = draft.state.get_all(name).len() == 1 && draft.state.get(name) == Some(&value);
                if !stands {
                    let change = draft.edit(&authors[author], name, value);
                    packed[author].push((id, change));
                    history.changes += 1;
                }
            }
            if below(3) == 0 && !packed[author].is_empty() {
                let changes = std::mem::take(&mut packed[author]);
                history.frames.push((author, authors[author].frame(template.feed(), &changes)));
            }
        }
        for (author, changes) in packed.into_iter().enumerate().filter(|(_, changes)| !changes.is_empty()) {
            history.frames.push((author, authors[author].frame(template.feed(), &changes)));
        }
        history.authors = authors;
        history
    }

    /// Sends the frames in an order, with repetitions and in requests of its own, some of them by other hands.
    async fn tell(&self, template: &Template, seed: u64) -> Census {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut below = |bound: usize| rng.next_u32() as usize % bound.max(1);
        let database = template.database.copy().await;
        let site = template.site.reopen(&database, START_MS, seed).await;
        let listening = site.listen().await;
        let post = Post { to: listening.address, project: site.project, server_ms: START_MS };
        let mut order: Vec<usize> = (0..self.frames.len()).collect();
        for _ in 0..self.frames.len() / 3 {
            order.push(below(self.frames.len()));
        }
        for index in (1..order.len()).rev() {
            order.swap(index, below(index + 1));
        }
        let mut left = &order[..];
        while !left.is_empty() {
            let (request, rest) = left.split_at((1 + below(4)).min(left.len()));
            left = rest;
            let frames: Vec<Vec<u8>> = request.iter().map(|index| self.frames[*index].1.clone()).collect();
            self.authors[below(3)].push(&post, &frames).await;
        }
        let mut phone = site.phone("reader", seed, &["S1:enumerator"]).await;
        let report = phone.sync(&mut site.link()).await.expect("phones do not die here");
        assert_eq!(report.end, SyncEnd::Complete);
        let census = Census::take(site.app.store(), site.project).await;
        assert_eq!((census.changes(), census.held), (self.changes, 0), "every change found its place");
        census.assert_same_on(&phone);
        self.assert_receipts(&post).await;
        drop(listening);
        site.app.close().await;
        census
    }

    /// Every frame stands as accepted, however it came.
    async fn assert_receipts(&self, post: &Post) {
        for author in &self.authors {
            let numbers: Vec<u64> = (1..=author.packed).collect();
            let told = author.ask(post, &numbers).await;
            assert_eq!(told.receipts.len() as u64, author.packed);
            for (_, receipt) in told.receipts {
                assert_eq!(receipt.exceptions, [], "{:?}", receipt.frame);
            }
        }
    }
}
