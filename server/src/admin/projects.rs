//! Projects, their areas and the people who write in them.

use fieldmerge_store::people::{self, Person};
use fieldmerge_store::projects::{self, Area, Project};

use super::{AdminError, ROOT_CODE, check_code, check_name, project};
use crate::keys;
use crate::state::App;

/// Makes a project with its root area and its keys.
pub async fn create(app: &App, code: &str, name: &str) -> Result<Project, AdminError> {
    check_code("a project", code)?;
    check_name("a project", name)?;
    let now_ms = app.now_ms();
    let new_id = || app.ids().uuid(now_ms);
    let made = Project {
        id: new_id().into(),
        code: code.to_owned(),
        name: name.to_owned(),
        root_area: new_id().into(),
        log_id: new_id().into(),
        roster_version: 1,
        settings: "{}".to_owned(),
        created_ms: now_ms,
        backed_up_ms: None,
        life: None,
        last_form: 0,
    };
    let root = Area {
        id: made.root_area,
        code: ROOT_CODE.to_owned(),
        name: name.to_owned(),
        parent: None,
        created_ms: now_ms,
    };
    app.store()
        .write(async |mut lent| {
            let tx = &mut *lent;
            projects::insert(tx, &made)
                .await
                .map_err(|error| AdminError::or_exists(error, "project", code))?;
            projects::insert_area(tx, made.id, &root).await?;
            keys::create(tx, made.id, app.ids(), now_ms).await?;
            Ok::<_, AdminError>(())
        })
        .await?;
    Ok(made)
}

/// Every project.
pub async fn list(app: &App) -> Result<Vec<Project>, AdminError> {
    let mut tx = app.store().read().await?;
    Ok(projects::list(&mut tx).await?)
}

/// Makes an area of a project, in its root area.
pub async fn create_area(app: &App, of: &str, code: &str, name: &str) -> Result<Area, AdminError> {
    check_code("an area", code)?;
    check_name("an area", name)?;
    let now_ms = app.now_ms();
    let id = app.ids().uuid(now_ms).into();
    app.store()
        .write(async |mut lent| {
            let tx = &mut *lent;
            let project = project(tx, of).await?;
            let area = Area {
                id,
                code: code.to_owned(),
                name: name.to_owned(),
                parent: Some(project.root_area),
                created_ms: now_ms,
            };
            let made = projects::insert_area(tx, project.id, &area).await;
            made.map_err(|error| AdminError::or_exists(error, "area", code))?;
            projects::touch_roster(tx, project.id).await?;
            Ok(area)
        })
        .await
}

/// The areas of a project.
pub async fn list_areas(app: &App, of: &str) -> Result<Vec<Area>, AdminError> {
    let mut tx = app.store().read().await?;
    let project = project(&mut tx, of).await?;
    Ok(projects::list_areas(&mut tx, project.id).await?)
}

/// Adds a person who writes.
pub async fn create_person(app: &App, of: &str, name: &str) -> Result<Person, AdminError> {
    check_name("a person", name)?;
    let now_ms = app.now_ms();
    let person = Person { id: app.ids().uuid(now_ms), name: name.to_owned(), created_ms: now_ms };
    app.store()
        .write(async |mut lent| {
            let tx = &mut *lent;
            let project = project(tx, of).await?;
            Ok::<_, AdminError>(people::insert(tx, project.id, &person).await?)
        })
        .await?;
    Ok(person)
}

/// The people of a project.
pub async fn list_people(app: &App, of: &str) -> Result<Vec<Person>, AdminError> {
    let mut tx = app.store().read().await?;
    let project = project(&mut tx, of).await?;
    Ok(people::list(&mut tx, project.id).await?)
}
