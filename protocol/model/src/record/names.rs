//! Path names that stored states write as numbers, so that a name costs one or two bytes and not twelve.

use std::sync::LazyLock;

use fieldmerge_protocol::Path;

/// Part of the stored form, version 1: never change, reorder or remove a name. More names need another version of the
/// form. A name that is missing here is stored as text, so this list need not follow the record types.
pub(super) const NAMES: [&str; 162] = [
    "_id",
    "_type",
    "_area",
    "_subject",
    "worker_number",
    "same_as",
    "family_name",
    "given_names",
    "known_as",
    "name_script",
    "sex",
    "birth_date",
    "birth_year",
    "birth_precision",
    "age_evidence",
    "phone",
    "phone_shared",
    "national_id_type",
    "residence_pcode",
    "residence_village",
    "languages",
    "preferred_language",
    "birth_country",
    "isced_level",
    "in_education_training",
    "labour_status_before",
    "site_id",
    "assignment_status",
    "employer_id",
    "isco08",
    "skill_class",
    "icse18",
    "written_contract",
    "contract_start",
    "contract_end",
    "pay_basis",
    "wage_rate",
    "hours_per_day",
    "social_insurance_employer",
    "paid_annual_leave",
    "paid_sick_leave",
    "employment_injury_cover",
    "informal_job",
    "supervisor_role",
    "observed_on",
    "corrects",
    "citizenship",
    "displacement_status",
    "wg_seeing",
    "wg_hearing",
    "wg_walking",
    "wg_remembering",
    "wg_selfcare",
    "wg_communicating",
    "wg_respondent",
    "pwd_wgss",
    "national_id",
    "photo",
    "consent_given",
    "consent_scope",
    "consent_language",
    "notice_version",
    "withdrawn_at",
    "head_type",
    "size",
    "dependants_u5",
    "dependants_5_17",
    "project_code",
    "title",
    "work_area",
    "donors",
    "implementing_partners",
    "country",
    "currency",
    "start_date",
    "end_date",
    "crisis_context",
    "total_cost_planned",
    "target_worker_days",
    "target_women_pct",
    "target_youth_pct",
    "target_pwd_pct",
    "min_age_general",
    "min_age_hazardous",
    "pay_deadline_days",
    "site_name",
    "admin_pcode",
    "pcode_version",
    "village",
    "gps",
    "isic4",
    "asset_type",
    "output_quantity",
    "hazardous",
    "accessible_facilities",
    "category",
    "amount",
    "spent_on",
    "legal_form",
    "registered",
    "size_band",
    "women_led",
    "persons_trained_f",
    "persons_trained_m",
    "accommodation_needed",
    "work_date",
    "status",
    "day_fraction",
    "hours_worked",
    "task_quantity",
    "absence_reason",
    "care_date",
    "children_present",
    "age_band",
    "care_mode",
    "held_on",
    "topic",
    "days",
    "certified",
    "period_start",
    "period_end",
    "gross_amount",
    "deductions",
    "deduction_reason",
    "net_amount",
    "paid_on",
    "channel",
    "payee_confirmed",
    "reverses",
    "arrears",
    "occurred_on",
    "outcome",
    "days_lost",
    "mechanism",
    "ppe_worn",
    "compensated",
    "occupational_disease",
    "stage",
    "origin_pcode",
    "destination_country",
    "destination_isic4",
    "destination_isco08",
    "purpose_work",
    "changed_residence",
    "departure_date",
    "expected_months",
    "recruiter_type",
    "recruiter_licence",
    "contract_before_departure",
    "contract_language_understood",
    "documents_held_by_other",
    "predeparture_orientation",
    "labour_attache_contact",
    "first_month_earnings",
    "returned_on",
    "return_kind",
    "wages_owed",
    "reintegration_services",
    "employed_6m",
    "_month",
    "_decision",
    "_proposal",
];

const SLOTS: usize = 1024;
const FREE: u16 = u16::MAX;

/// Open addressing by FNV-1a, built at compile time: saving a state looks up every path.
static TABLE: [u16; SLOTS] = table();

/// The number of a name.
pub(super) fn number(name: &str) -> Option<u16> {
    let mut slot = hash(name.as_bytes()) % SLOTS;
    while TABLE[slot] != FREE {
        if NAMES[usize::from(TABLE[slot])] == name {
            return Some(TABLE[slot]);
        }
        slot = (slot + 1) % SLOTS;
    }
    None
}

/// The name with a number.
pub(super) fn name(number: u64) -> Option<&'static str> {
    NAMES.get(usize::try_from(number).ok()?).copied()
}

/// The path that is this name alone; none for the two that never stand alone.
pub(super) fn path(number: u64) -> Option<Path> {
    static PATHS: LazyLock<Vec<Option<Path>>> =
        LazyLock::new(|| NAMES.iter().map(|name| Path::new(name).ok()).collect());
    PATHS.get(usize::try_from(number).ok()?)?.clone()
}

const fn table() -> [u16; SLOTS] {
    let mut table = [FREE; SLOTS];
    let mut number = 0;
    while (number as usize) < NAMES.len() {
        let mut slot = hash(NAMES[number as usize].as_bytes()) % SLOTS;
        while table[slot] != FREE {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = number;
        number += 1;
    }
    table
}

const fn hash(bytes: &[u8]) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (hash ^ (hash >> 15)) as usize
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn every_name_is_found_by_its_number() {
        for (place, text) in (0..).zip(NAMES) {
            assert_eq!(number(text), Some(place), "{text}");
            assert_eq!(name(u64::from(place)), Some(text));
        }
        assert_eq!(number("never_a_name"), None);
        assert_eq!(name(NAMES.len() as u64), None);
    }

    #[test]
    fn the_names_never_change() {
        let digest = Sha256::digest(NAMES.join(" ").as_bytes());
        assert_eq!(digest[..8], 0xe735_27e8_2484_587c_u64.to_be_bytes());
    }
}
