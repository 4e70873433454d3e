//! What headquarters writes before the story begins: the project with its rules, and its worksites.

use std::collections::BTreeMap;

use fieldmerge_protocol::RecordId;
use fieldmerge_sdk::{ClientError, Device, NewRecord, SyncOptions};

use super::PROJECT;
use super::scenario::Scenario;
use crate::admin::ROOT_CODE;

/// Writes them on a device that an analyst is enrolled with, and gives the worksites by the codes of their areas.
pub async fn describe(
    office: &Device,
    scenario: &Scenario,
) -> Result<BTreeMap<String, RecordId>, ClientError> {
    office.sync(SyncOptions::default()).await?;
    let areas = office.status().await.areas;
    let areas: BTreeMap<&str, _> = areas.iter().map(|area| (area.code.as_str(), area)).collect();
    let project = NewRecord::new("project", areas[ROOT_CODE].area)
        .set("project_code", PROJECT)
        .set("title/fr", "Piste rurale Ambalavao")
        .set("title/en", "Rural road Ambalavao")
        .set("work_area", "local_resource")
        .set("country", "MG")
        .set("currency", "MGA")
        .set("start_date", "2026-03-02")
        .set("min_age_general", 15)
        .set("min_age_hazardous", 18);
    office.records().create(project).await?;
    let mut sites = BTreeMap::new();
    for (code, pcode) in &scenario.communes {
        let area = areas[code.as_str()];
        let site = NewRecord::new("site", area.area)
            .set("site_name", area.name.as_str())
            .set("admin_pcode", pcode.as_str())
            .set("pcode_version", "MDG-2018-10-31")
            .set("asset_type", "road")
            .set("hazardous", false);
        sites.insert(code.clone(), office.records().create(site).await?);
    }
    office.sync(SyncOptions::default()).await?;
    Ok(sites)
}
