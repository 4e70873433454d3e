//! F3 on the server: what it took is judged by the forms.

use fieldmerge_server::clock::Stopwatch;

use super::Plan;
use super::load;
use super::output::{Limit, Report, count, progress};
use super::rates::{BATCH, DEVICES, check, registrations};
use super::site::{Kind, Site};

/// Measures what is wanted of F3.
pub async fn run(plan: &Plan, report: &mut Report) {
    if !plan.wants_form(3) {
        return;
    }
    for (kind, what) in [
        (Kind::Sqlite, "registrations judged after they were taken, sqlite"),
        (Kind::Postgres, "the same, postgresql"),
    ] {
        progress(&format!("F3: {what}"));
        let site = Site::found(kind, DEVICES).await;
        let server = site.serve().await;
        let authors = site.authors(DEVICES, |index| index).await;
        let requests = plan.size(100_000, 8_000) / (DEVICES * BATCH);
        let work = load::prepare(authors, move |author| registrations(author, requests)).await;
        let (_, run) = load::run(server.address, work).await;
        check(run);
        server.stop().await;
        let stopwatch = Stopwatch::start();
        let judged = site.judge().await;
        let seconds = stopwatch.elapsed().as_secs_f64();
        assert_eq!(usize::try_from(judged), Ok(requests * DEVICES * BATCH), "each is judged once");
        report.form_figure(3, what, count(requests * DEVICES * BATCH) / seconds, "/s", Limit::None);
    }
}
