//! What a person does to a form that is being filled.

use fieldmerge_model::form::filling::{Filling, Place, Refusal};

use super::world::Fixed;

/// One thing that a person does.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answers a question.
    Answer(Place, String),
    /// Adds an instance of the repeat of this name, which stands in this place.
    Add(Place, String),
    /// Takes an instance out.
    Remove(Place),
}

impl Act {
    /// Does it.
    pub fn apply(&self, filling: &mut Filling, world: &mut Fixed) -> Result<(), Refusal> {
        match self {
            Self::Answer(place, text) => filling.answer(*place, text, world),
            Self::Add(parent, name) => filling.add(*parent, name, world).map(|_| ()),
            Self::Remove(place) => filling.remove(*place, world),
        }
    }
}
