use super::*;
use crate::pack::himo_types;

const ROOT: AreaId = AreaId([0; 16]);
const S1: AreaId = AreaId([1; 16]);
const S2: AreaId = AreaId([2; 16]);

fn grant(area: AreaId, role: Role) -> Grant {
    Grant { area, role }
}

#[test]
fn the_matrix_is_in_the_order_of_the_classes_and_uses_known_marks() {
    for (class, (row, marks)) in RecordClass::ALL.into_iter().zip(MATRIX) {
        assert_eq!(class, row);
        assert!(marks.iter().all(|mark| b"-phcrw".contains(mark)), "{class:?}");
    }
    for (index, role) in Role::ALL.into_iter().enumerate() {
        assert_eq!(role as usize, index);
        assert_eq!(role.name().parse(), Ok(role));
        let json = serde_json::to_string(&role).expect("a role is a string");
        assert_eq!(json, format!("\"{role}\""));
    }
    assert_eq!("king".parse::<Role>(), Err(RoleError));
}

/// Who may do what, spelt out once more and the other way round, so that a slip in the matrix shows.
#[test]
fn each_role_may_do_what_the_class_table_says() {
    let table: Vec<String> = Role::ALL
        .into_iter()
        .map(|role| {
            let with = |may: fn(Access) -> bool| {
                let classes = RecordClass::ALL.into_iter().filter(|class| may(access(role, *class)));
                classes.fold(String::new(), |all, class| format!("{all} {class:?}"))
            };
            let rows = with(|access| access == Access::Rows);
            format!("{role}\n  holds{}\n  writes{}\n  rows{rows}", with(Access::reads), with(Access::writes))
        })
        .collect();
    insta::assert_snapshot!(table.join("\n"), @r"
    enumerator
      holds Reference Core Accommodation Household Consent Assignment Task
      writes Core Observation Accommodation Household Consent Assignment Identity Attendance Childcare Training Incident Migration Task
      rows
    supervisor
      holds Reference Core Accommodation Assignment Attendance Childcare Training Task Firm Expenditure
      writes Core Assignment Attendance Childcare Training Payment Incident Task
      rows
    payroll
      holds Reference Core Assignment Identity Attendance Childcare Training Payment Task Firm Expenditure
      writes Assignment Payment Task Expenditure
      rows
    protection
      holds Reference Core Assignment Incident Migration Grievance Task
      writes Core Incident Migration Grievance Task
      rows Observation
    adjudicator
      holds Reference Core Identity Task
      writes Core Identity Task
      rows
    analyst
      holds Reference Task Firm Expenditure
      writes Reference Task Firm Expenditure
      rows Core Observation Household Consent Assignment Attendance Childcare Training Payment Incident Migration Grievance
    administrator
      holds Reference
      writes Reference
      rows
    inspector
      holds Reference
      writes
      rows Core Assignment Attendance Payment Firm
    attache
      holds Reference
      writes
      rows
    partner
      holds Reference
      writes
      rows Firm
    auditor
      holds Reference
      writes
      rows Consent Assignment Attendance Childcare Training Payment Firm Expenditure
    ");
}

#[test]
fn observations_are_written_and_never_held() {
    for role in Role::ALL {
        assert!(!access(role, RecordClass::Observation).reads(), "{role}");
    }
    assert!(access(Role::Enumerator, RecordClass::Observation).writes());
    for class in [RecordClass::Incident, RecordClass::Migration, RecordClass::Grievance] {
        let readers: Vec<Role> = Role::ALL.into_iter().filter(|role| access(*role, class).reads()).collect();
        assert_eq!(readers, [Role::Protection], "{class:?}");
    }
    let consent = access(Role::Administrator, RecordClass::Consent);
    assert!(consent == Access::Presence && !consent.reads() && !consent.lists() && !consent.writes());
}

#[test]
fn a_grant_reaches_its_area_and_the_reference_in_the_root() {
    let grants = [grant(S1, Role::Enumerator)];
    assert!(may_write(&grants, ROOT, S1, RecordClass::Core));
    assert!(!may_write(&grants, ROOT, S2, RecordClass::Core));
    assert!(!may_write(&grants, ROOT, ROOT, RecordClass::Core));
    assert!(may_read(&grants, ROOT, ROOT, RecordClass::Reference));
    assert!(!may_write(&grants, ROOT, ROOT, RecordClass::Reference));
    assert!(!may_read(&[], ROOT, ROOT, RecordClass::Reference));
    assert!(!may_read(&grants, ROOT, S1, RecordClass::Observation));
    assert!(may_write(&grants, ROOT, S1, RecordClass::Observation));

    let feeds = readable(&grants, ROOT, &[S2, S1]);
    let here: Vec<RecordClass> = feeds.iter().filter(|feed| feed.0 == S1).map(|feed| feed.1).collect();
    assert!(here.contains(&RecordClass::Core) && !here.contains(&RecordClass::Payment));
    assert!(feeds.contains(&(ROOT, RecordClass::Reference)));
    assert!(feeds.iter().all(|feed| feed.0 != S2));
    assert!(feeds.is_sorted());
}

#[test]
fn a_grant_for_the_root_reaches_every_area() {
    let grants = [grant(ROOT, Role::Payroll)];
    assert!(
        may_read(&grants, ROOT, S1, RecordClass::Core)
            && may_read(&grants, ROOT, S2, RecordClass::Assignment)
    );
    let pay: Vec<AreaId> = readable(&grants, ROOT, &[S1, S2])
        .into_iter()
        .filter(|feed| feed.1 == RecordClass::Payment)
        .map(|feed| feed.0)
        .collect();
    assert_eq!(pay, [ROOT, S1, S2]);
}

#[test]
fn a_supervisor_pays_on_site_into_the_log_of_site_or_project() {
    let grants = [grant(S1, Role::Enumerator), grant(S1, Role::Supervisor)];
    assert!(may_write(&grants, ROOT, ROOT, RecordClass::Payment));
    assert!(may_write(&grants, ROOT, S1, RecordClass::Payment));
    assert!(!may_write(&grants, ROOT, S2, RecordClass::Payment));
    assert!(!may_read(&grants, ROOT, ROOT, RecordClass::Payment));
    assert!(may_list(&[grant(ROOT, Role::Analyst)], ROOT, S1, RecordClass::Payment));
}

#[test]
fn persons_are_decided_by_the_adjudicator_and_pay_by_payroll() {
    let decides = |role, of: &str, name: &str| {
        let of = himo_types().find(of).expect("a record type");
        may_decide(role, of, of.field(name).expect("a field"))
    };
    for name in ["sex", "birth_year", "family_name"] {
        assert!(
            decides(Role::Adjudicator, "worker", name) && decides(Role::Supervisor, "worker", name),
            "{name}"
        );
        assert!(
            !decides(Role::Enumerator, "worker", name) && !decides(Role::Analyst, "worker", name),
            "{name}"
        );
    }
    assert!(
        decides(Role::Adjudicator, "worker", "same_as") && !decides(Role::Supervisor, "worker", "same_as")
    );
    assert!(
        decides(Role::Payroll, "assignment", "wage_rate")
            && decides(Role::Supervisor, "assignment", "wage_rate")
    );
    assert!(!decides(Role::Adjudicator, "assignment", "wage_rate"));
    assert!(!decides(Role::Adjudicator, "worker", "phone"), "nobody decides where no person has to");
    let of = himo_types().find("assignment").expect("the assignment");
    let wage = deciders(of, of.field("wage_rate").expect("the wage"));
    assert_eq!(wage.must_include, Some(Role::Payroll));
    assert_eq!(deciders(of, of.field("employer_id").expect("the employer")).must_include, None);
}

#[test]
fn every_judgement_has_a_judge_who_may_read_and_write_it() {
    for of in himo_types() {
        for field in of.fields.iter().filter(|field| matches!(field.policy, Policy::Human { .. })) {
            let judges: Vec<Role> =
                Role::ALL.into_iter().filter(|role| may_decide(*role, of, field)).collect();
            assert!(!judges.is_empty(), "{} of {}", field.name, of.name);
            for judge in judges {
                assert_eq!(
                    access(judge, of.class),
                    Access::Write,
                    "{judge} decides {} of {}",
                    field.name,
                    of.name
                );
            }
        }
    }
}
