//! temporary

use std::time::Instant;
use fieldmerge_engine::{Engine, ListQuery};
use fieldmerge_model::access::Role;
use crate::phone::{Phone, snapshot, path, worker};
use crate::server::Server;
use fieldmerge_protocol::Value;

#[test]
fn measure() {
    let mut server = Server::new();
    let mut a = Phone::enrolled(&mut server, 1, &[Role::Enumerator]);
    for n in 0..200_u32 {
        let mut edits = Vec::new();
        for m in 0..100 {
            let i = n * 100 + m;
            let mut edit = worker(server.site, &format!("Raso{i} Voa{}", i * 7919 % 1000));
            if let fieldmerge_engine::Edit::Create { values, .. } = &mut edit {
                for (p, v) in [("phone", "+261340000101"), ("residence_village", "Ambohimena"), ("birth_precision", "year")] {
                    values.push((path(p), Value::str(v)));
                }
                values.retain(|(p, _)| p.as_str() != "birth_precision");
                values.push((path("birth_year"), Value::Int(1990)));
            }
            edits.push(edit);
        }
        a.save(&edits).expect("saved");
    }
    let size: usize = a.rows.iter().map(|((_, k), v)| k.len() + v.len()).sum();
    let snap = snapshot(&a.rows);
    let t = Instant::now();
    let engine = Engine::open(snap).unwrap();
    let open = t.elapsed();
    let t = Instant::now();
    let page = engine.list(&ListQuery::default());
    let list = t.elapsed();
    let t = Instant::now();
    let hits = engine.find("raso19 voa", 20);
    let find = t.elapsed();
    let t = Instant::now();
    let hits2 = engine.find("a", 20);
    let find2 = t.elapsed();
    eprintln!("bytes {size} open {open:?} list {} {list:?} find {} {find:?} find2 {} {find2:?}", page.len(), hits.len(), hits2.len());
    let t = Instant::now();
    let r = a.sync_well(&mut server);
    eprintln!("push {:?} {:?}", t.elapsed(), r);
    let mut b = Phone::enrolled(&mut server, 2, &[Role::Enumerator]);
    b.piece = 16_000;
    let t = Instant::now();
    let r = b.sync_well(&mut server);
    eprintln!("pull {:?} {:?}", t.elapsed(), r);
}
