//! The forms on a device, and what the server found wrong by their rules.

use std::sync::Arc;

use fieldmerge_engine::{Engine, FindingView, FormView};
use fieldmerge_model::form::version::FormVersion;
use fieldmerge_model::types::RecordTypes;

use crate::device::Device;

impl Device {
    /// The versions of forms that it has, in the order in which they were published.
    pub async fn forms(&self) -> Vec<FormView> {
        self.read(Engine::forms).await
    }

    /// A version of a form by its number.
    pub async fn form(&self, number: u64) -> Option<Arc<FormVersion>> {
        self.read(|engine| engine.form(number)).await
    }

    /// What the server has found wrong with what this device wrote, by the rules of the forms, in a language such as `fr` or in
    /// the form's own. It is told at a sync, some time after the server took what was written.
    pub async fn findings(&self, language: &str) -> Vec<FindingView> {
        self.read(|engine| engine.findings(language)).await
    }

    /// What its records hold, by the forms that it has.
    pub async fn types(&self) -> RecordTypes {
        self.read(Engine::types).await
    }
}
