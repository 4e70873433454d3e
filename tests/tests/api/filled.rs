//! Forms that partners' programs fill with the SDK: photos in them, and what the program knows of the person.

use fieldmerge_protocol::Value;
use fieldmerge_sdk::{AttachmentState, Device, FillRequest, RecordId, SavedEdit, SyncOptions};
use fieldmerge_server::forms::publish::publish;
use fieldmerge_server::verify::verify;
use fieldmerge_tests::database::{Kind, folder};
use fieldmerge_tests::server::{PROJECT, Server};
use fieldmerge_tests::world::visits::draft;

use crate::attachments::{hash_of, picture};

/// A house with a photo, and rooms with a photo each.
const HOUSES: &str = "
| survey |
| | type | name | label | parameters |
| | phonenumber | caller | | |
| | email | mail | | |
| | start-geopoint | at | | |
| | image | front | The house | max-pixels=1024 |
| | begin_repeat | room | Room | |
| | text | called | What is it called? | |
| | image | inside | The room | |
| | end_repeat | | | |
| settings |
| | form_id | form_title | version | fm::record |
| | houses | Houses | 1 | core/house |
";

async fn device(server: &Server, label: &str) -> (Device, tempfile::TempDir) {
    let folder = folder();
    let device = Device::open(folder.path()).await.expect("a folder opens");
    device.enrol(&server.url(""), &server.code(label, &["S1:enumerator"]).await).await.expect("it enrols");
    device.sync(SyncOptions::default()).await.expect("the server is there");
    (device, folder)
}

async fn values(device: &Device, record: RecordId) -> Vec<(String, Value)> {
    let view = device.records().get(record).await.expect("it is there");
    view.values.into_iter().map(|value| (value.path.to_string(), value.value)).collect()
}

#[tokio::test]
async fn photos_of_a_form_reach_other_phones_from_repeats_too() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let server = Server::start_on(kind).await;
        publish(&server.app, PROJECT, &draft(HOUSES)).await.expect("it is published");
        let ((author, _one), (reader, _other)) =
            (device(&server, "Hery").await, device(&server, "Lalao").await);
        let form = author.forms().await.into_iter().find(|form| form.id == "houses").expect("it has come");
        let request = FillRequest { form: form.number, ..FillRequest::default() };
        let world = author.world(180).await.with("phonenumber", "+261340000101");
        let mut world = world.with("start-geopoint", "-18.9 47.5 1270 8");
        let mut fill = author.fill(&request, &mut world).await.expect("it can be filled");
        let pictures = [picture(1, 40_000), picture(2, 30_000), picture(3, 20_000)];
        for (question, bytes) in ["front", "inside", "inside[2]"].into_iter().zip(&pictures) {
            let hash = author.attach(bytes).await.expect("it is kept");
            if question == "inside[2]" {
                fill.filling.give("room=+", &mut world).expect("one more");
            }
            fill.filling.give(&format!("{question}={hash}"), &mut world).expect("a photo");
        }
        fill.filling.give("called[2]=Kitchen", &mut world).expect("a text");
        let saved = author.save_filled(&mut fill, server.area, 0, &mut world).await.expect("it is saved");
        let [SavedEdit::Record(house)] = saved[..] else { panic!("{saved:?}") };
        let known = values(&author, house).await;
        let of = |name: &str| known.iter().find(|(path, _)| path == name).map(|(_, value)| value.clone());
        assert_eq!(of("caller"), Some(Value::str("+261340000101")));
        assert_eq!(of("at"), Some(Value::str("-18.9 47.5 1270 8")));
        assert_eq!(of("mail"), None, "nobody has told it");

        let sent = author.sync(SyncOptions::default()).await.expect("the server is there");
        assert_eq!(sent.attachments_sent, 3, "{sent:?}");
        reader.sync(SyncOptions::default()).await.expect("the server is there");
        assert_eq!(values(&reader, house).await, known);
        for bytes in &pictures {
            let hash = hash_of(bytes);
            let all = reader.attachments().await;
            let one = all.into_iter().find(|one| one.hash == hash).expect("a record names it");
            assert!(!one.thumbnail && one.state == AttachmentState::Absent, "{one:?}");
            reader.want(hash).await.expect("a record names it");
        }
        reader.sync(SyncOptions::default()).await.expect("the server is there");
        for bytes in pictures {
            assert_eq!(reader.attachment(hash_of(&bytes)).await.expect("the disk reads"), Some(bytes));
        }
        let verified = verify(&server.app, Some(PROJECT)).await.expect("the store answers");
        assert!(verified.is_good(), "{}", verified.text());
        assert_eq!(verified.projects[0].attachments, 3);
    }
}
