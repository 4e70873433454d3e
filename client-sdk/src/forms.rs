//! The forms on a device, and what the server found wrong by their rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldmerge_engine::{Engine, Fill, FillRequest, FindingView, FormView, SavedEdit};
use fieldmerge_model::form::filling::World;
use fieldmerge_model::form::version::FormVersion;
use fieldmerge_model::types::RecordTypes;
use fieldmerge_protocol::{AreaId, DeviceId, PersonNumber};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;

use crate::clock::Clock;
use crate::device::Device;
use crate::error::{ClientError, Error};

/// What a form asks of the device while it is filled: the time, chance, and which device it is.
#[derive(Debug)]
pub struct DeviceWorld {
    clock: Clock,
    offset_minutes: i32,
    rng: ChaCha20Rng,
    device: Option<(DeviceId, String)>,
    known: BTreeMap<String, String>,
}

impl DeviceWorld {
    pub(crate) fn new(
        clock: Clock,
        offset_minutes: i32,
        rng: ChaCha20Rng,
        device: Option<(DeviceId, String)>,
    ) -> Self {
        Self { clock, offset_minutes, rng, device, known: BTreeMap::new() }
    }

    /// Tells what the app knows of the person and the device: `email`, `phonenumber`, `username` instead of the label of the
    /// device, and `start-geopoint`, where it is: latitude, longitude, altitude and accuracy, with spaces between.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.known.insert(name.to_owned(), value.to_owned());
        self
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}

impl World for DeviceWorld {
    fn now(&mut self) -> i64 {
        self.clock.now_ms()
    }

    fn offset_minutes(&mut self) -> i32 {
        self.offset_minutes
    }

    fn random(&mut self) -> f64 {
        f64::from(self.rng.next_u32()) / (f64::from(u32::MAX) + 1.0)
    }

    fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid().to_string()
    }

    fn key(&mut self) -> String {
        let millis = u64::try_from(self.clock.now_ms()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid().to_string()
    }

    fn property(&mut self, name: &str) -> Option<String> {
        if let Some(known) = self.known.get(name) {
            return Some(known.clone());
        }
        let (device, label) = self.device.as_ref()?;
        match name {
            "deviceid" => Some(device.to_string()),
            "username" => Some(label.clone()),
            _ => None,
        }
    }
}

impl Device {
    /// The versions of forms that it has, in the order in which they were published.
    pub async fn forms(&self) -> Vec<FormView> {
        self.read(Engine::forms).await
    }

    /// A version of a form by its number.
    pub async fn form(&self, number: u64) -> Option<Arc<FormVersion>> {
        self.read(|engine| engine.form(number)).await
    }

    /// Begins a form, or opens it with a record: [`Fill::filling`] takes answers and says what is asked. The records that it
    /// looks things up in are those of this moment.
    ///
    /// ```no_run
    /// # async fn example(device: fieldmerge_sdk::Device, area: fieldmerge_sdk::AreaId) -> Result<(), Box<dyn std::error::Error>> {
    /// use fieldmerge_sdk::FillRequest;
    ///
    /// let mut world = device.world(180).await;
    /// let request = FillRequest { form: 5, language: "fr".to_owned(), ..FillRequest::default() };
    /// let mut fill = device.fill(&request, &mut world).await?;
    /// fill.filling.give("sex=female", &mut world)?;
    /// if fill.filling.complaints(&mut world).is_empty() {
    ///     device.save_filled(&mut fill, area, 0, &mut world).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn fill(
        &self,
        request: &FillRequest,
        world: &mut (dyn World + Send),
    ) -> Result<Fill, ClientError> {
        Ok(self.read(|engine| engine.fill(request, world)).await.map_err(Error::Engine)?)
    }

    /// What a form asks of this device while it is filled, where clocks show so many minutes more than in Greenwich.
    pub async fn world(&self, offset_minutes: i32) -> DeviceWorld {
        self.core().lock().await.world(offset_minutes)
    }

    /// Saves what was answered, in new records of this area where it makes any, as one: all of it becomes durable, or nothing.
    /// It is saved as it is, also where [`fieldmerge_model::form::filling::Filling::complaints`] says something.
    pub async fn save_filled(
        &self,
        fill: &mut Fill,
        area: AreaId,
        person: PersonNumber,
        world: &mut (dyn World + Send),
    ) -> Result<Vec<SavedEdit>, ClientError> {
        let edits = fill.edits(area, person, world).map_err(Error::Engine)?;
        if edits.is_empty() { Ok(Vec::new()) } else { self.save(edits).await }
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
