//! A list of indexes that nearly always holds none or one.

/// Indexes without an allocation for the first: nearly every path has one live put and nearly every put at most
/// one successor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Few {
    #[default]
    None,
    One([u32; 1]),
    Many(Vec<u32>),
}

impl Few {
    pub(crate) fn one(index: u32) -> Self {
        Self::One([index])
    }

    pub(crate) fn as_slice(&self) -> &[u32] {
        match self {
            Self::None => &[],
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub(crate) fn push(&mut self, index: u32) {
        match self {
            Self::None => *self = Self::One([index]),
            Self::One([first]) => *self = Self::Many(vec![*first, index]),
            Self::Many(many) => many.push(index),
        }
    }

    /// Takes back the last push.
    pub(crate) fn pop(&mut self) {
        match self {
            Self::None | Self::One(_) => *self = Self::None,
            Self::Many(many) => {
                many.pop();
                if let [one] = many[..] {
                    *self = Self::One([one]);
                }
            }
        }
    }

    /// Keeps the order of what remains.
    pub(crate) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        match self {
            Self::None => {}
            Self::One([one]) => {
                if !keep(*one) {
                    *self = Self::None;
                }
            }
            Self::Many(many) => {
                many.retain(|index| keep(*index));
                if let [one] = many[..] {
                    *self = Self::One([one]);
                } else if many.is_empty() {
                    *self = Self::None;
                }
            }
        }
    }

    pub(crate) fn sort_by_key<K: Ord>(&mut self, key: impl Fn(u32) -> K) {
        if let Self::Many(many) = self {
            many.sort_by_key(|index| key(*index));
        }
    }
}

impl From<Vec<u32>> for Few {
    fn from(many: Vec<u32>) -> Self {
        match many[..] {
            [] => Self::None,
            [one] => Self::One([one]),
            _ => Self::Many(many),
        }
    }
}
