//! Records: round trips, and no update is ever lost.

use fieldmerge_protocol::RecordId;
use fieldmerge_store::records::{RecordRow, ValuedRecord};
use fieldmerge_store::{Result, StoreError, Tx, records, subjects};

use crate::place::{FEED, PROJECT, Place, on_both, record, record_id};

on_both!(
    records_of_every_batch_size_come_back,
    a_changed_record_replaces_the_old_one,
    two_that_make_one_record_do_not_overwrite_each_other,
    writers_of_one_record_each_see_the_last,
    records_are_paged_by_id,
    values_come_back_letter_by_letter,
    a_corrupt_row_names_itself,
);

fn stored(mut record: ValuedRecord) -> ValuedRecord {
    record.row.version += 1;
    record
}

async fn records_of_every_batch_size_come_back(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    let all: Vec<ValuedRecord> = (0..1_111).map(|number| record(number, &[7; 900])).collect();
    let mut rest = all.as_slice();
    for size in [0, 1, 2, 5, 21, 85, 997] {
        let (batch, left) = rest.split_at(size);
        records::upsert(&mut tx, PROJECT, batch).await.expect("upsert");
        rest = left;
    }
    assert!(rest.is_empty());
    let ids: Vec<RecordId> = all.iter().map(|record| record.row.id).chain([record_id(9_999)]).collect();
    let mut expected: Vec<ValuedRecord> = all.into_iter().map(stored).collect();
    expected.sort_by_key(|record| record.row.id);
    let rows: Vec<RecordRow> = expected.iter().map(|record| record.row.clone()).collect();
    assert_eq!(records::load(&mut tx, PROJECT, &ids).await.expect("load"), expected);
    assert_eq!(records::load_for_update(&mut tx, PROJECT, &ids).await.expect("load"), rows);
    assert_eq!(records::load_for_update(&mut tx, PROJECT, &[]).await.expect("load"), []);
    assert_eq!(records::count(&mut tx, PROJECT).await.expect("count"), 1_111);
    assert_eq!(
        records::find(&mut tx, PROJECT, ids[3]).await.expect("find"),
        Some(stored(record(3, &[7; 900])))
    );
    assert_eq!(records::find(&mut tx, PROJECT, record_id(9_999)).await.expect("find"), None);
    let about = subjects::about(&mut tx, PROJECT, &[record_id(5)]).await.expect("records");
    assert_eq!(about, [stored(record(4, &[7; 900]))]);
}

async fn a_changed_record_replaces_the_old_one(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    records::upsert(&mut tx, PROJECT, &[record(1, b"old"), record(2, b"other")]).await.expect("upsert");
    let mut changed = stored(record(1, b"new"));
    changed.row.subject = Some(record_id(77));
    changed.row.updated_ms = 9;
    changed.row.position = 10;
    changed.row.change_count = 11;
    changed.row.open_case_count = 12;
    changed.row.feed.area = fieldmerge_protocol::AreaId([6; 16]);
    changed.current_values = String::from(r#"{"sex": "f"}"#);
    records::upsert(&mut tx, PROJECT, std::slice::from_ref(&changed)).await.expect("upsert");
    assert_eq!(
        records::find(&mut tx, PROJECT, changed.row.id).await.expect("find"),
        Some(stored(changed.clone()))
    );
    let stale = records::upsert(&mut tx, PROJECT, &[changed]).await;
    assert!(matches!(stale, Err(StoreError::Busy)), "written from an old version");
}

async fn two_that_make_one_record_do_not_overwrite_each_other(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    records::upsert(&mut tx, PROJECT, &[record(1, b"first")]).await.expect("upsert");
    let second = records::upsert(&mut tx, PROJECT, &[record(0, b"neighbour"), record(1, b"second")]).await;
    assert!(matches!(second, Err(StoreError::Busy)));
    let kept = records::find(&mut tx, PROJECT, record_id(1)).await.expect("find").expect("the record");
    assert_eq!(kept.row.state, b"first");
}

/// Appends one byte to the state of a record, which may not exist yet.
async fn append(tx: &mut Tx, id: u32, byte: u8) -> Result<()> {
    let mut changed = record(id, b"");
    if let Some(row) = records::load_for_update(tx, PROJECT, &[record_id(id)]).await?.pop() {
        changed.row = row;
    }
    changed.row.state.push(byte);
    // Another writer gets its chance between the read and the write.
    tokio::task::yield_now().await;
    records::upsert(tx, PROJECT, &[changed]).await
}

async fn writers_of_one_record_each_see_the_last(place: &Place) {
    let store = place.store().await;
    let writers = (0..8).map(|writer: u8| {
        let store = store.clone();
        tokio::spawn(async move {
            for id in [1, 2, 1] {
                store
                    .write(async |mut tx| append(&mut tx, id, writer).await)
                    .await
                    .expect("in the end it works");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("a writer ends");
    }
    let mut tx = store.read().await.expect("read");
    for (id, writes) in [(1, 2), (2, 1)] {
        let found = records::find(&mut tx, PROJECT, record_id(id)).await.expect("find").expect("the record");
        let mut bytes = found.row.state;
        bytes.sort_unstable();
        let expected: Vec<u8> = (0..8).flat_map(|writer| std::iter::repeat_n(writer, writes)).collect();
        assert_eq!(bytes, expected, "every write of every writer, once");
        assert_eq!(found.row.version, expected.len() as u64);
    }
}

async fn records_are_paged_by_id(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    let mut all: Vec<ValuedRecord> = (0..50).map(|number| record(number, b"s")).collect();
    for record in all.iter_mut().filter(|record| record.row.position % 5 == 0) {
        record.row.record_type = String::from("payment");
    }
    records::upsert(&mut tx, PROJECT, &all).await.expect("upsert");
    all.sort_by_key(|record| record.row.id);
    for record_type in [None, Some("payment")] {
        let mut read: Vec<ValuedRecord> = Vec::new();
        loop {
            let after = read.last().map(|record| record.row.id);
            let page = records::page(&mut tx, PROJECT, record_type, after, 7).await.expect("page");
            if page.is_empty() {
                break;
            }
            read.extend(page);
        }
        let expected: Vec<ValuedRecord> = all
            .iter()
            .filter(|record| record_type.is_none_or(|wanted| record.row.record_type == wanted))
            .cloned()
            .map(stored)
            .collect();
        assert_eq!(read, expected);
    }
}

async fn values_come_back_letter_by_letter(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    // The order of keys, a decimal that ends in zero, the character zero, quotes, and what is not ASCII.
    let text = r#"{"zeta":1.50,"a":"\u0000","b\"":"Râ🌾","n":12345678901234567890,"e":""}"#;
    let mut odd = record(1, b"");
    odd.current_values = String::from(text);
    records::upsert(&mut tx, PROJECT, &[odd]).await.expect("upsert");
    let found = records::find(&mut tx, PROJECT, record_id(1)).await.expect("find").expect("the record");
    assert_eq!(found.current_values, text);
}

async fn a_corrupt_row_names_itself(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    records::upsert(&mut tx, PROJECT, &[record(1, b"s")]).await.expect("upsert");
    tx.commit().await.expect("commit");
    place.execute("UPDATE records SET class = 99").await;
    let mut tx = store.read().await.expect("read");
    let error = records::find(&mut tx, PROJECT, record_id(1)).await.expect_err("no such class");
    let StoreError::Corrupt { table, column, key } = &error else { panic!("another error: {error}") };
    assert_eq!((*table, *column, key.as_str()), ("records", "class", record_id(1).to_string().as_str()));
    assert_eq!(FEED.class.number(), 1);
}
