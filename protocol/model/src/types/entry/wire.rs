//! The codes that tuples carry as an index. Lists grow at their end only: an index is on phones for ever.

/// A code of a list that tuples refer to by index.
pub trait WireCode: Copy + Sized + 'static {
    /// The list, as the pack names it.
    const LIST: &'static str;
    /// Every code, in index order.
    const ALL: &'static [Self];

    /// The code as text.
    fn code(self) -> &'static str;

    /// The index in the tuple.
    fn index(self) -> u32;

    /// The code at an index.
    fn from_index(index: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(index).ok()?).copied()
    }

    /// The code of a text.
    fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.code() == code)
    }
}

macro_rules! wire_code {
    ($(#[$doc:meta])* $name:ident in $list:literal { $($(#[$variant_doc:meta])* $variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl WireCode for $name {
            const LIST: &'static str = $list;
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            fn index(self) -> u32 {
                u32::from(self as u8)
            }
        }
    };
}

wire_code! {
    /// Whether a person was at work.
    AttendanceStatus in "att_status" {
        /// At work.
        Present = "present",
        /// Not at work.
        Absent = "absent",
        /// The site stood still.
        Stopped = "stopped",
    }
}

wire_code! {
    /// Why a person was absent, as a category.
    AbsenceReason in "absence_reason" {
        /// Care of a relative.
        Care = "care",
        /// Health, without a diagnosis.
        Health = "health",
        /// Other work or the fields.
        OtherWork = "other_work",
        /// A ceremony or mourning.
        Ceremony = "ceremony",
        /// Travel.
        Travel = "travel",
        /// Insecurity on the way.
        Insecurity = "insecurity",
        /// Another reason.
        Other = "other",
        /// The person prefers not to say.
        NotStated = "not_stated",
    }
}

wire_code! {
    /// How pay was handed over.
    PayChannel in "pay_channel" {
        /// Cash.
        Cash = "cash",
        /// Mobile money.
        MobileMoney = "mobile_money",
        /// Bank or post office.
        Bank = "bank",
        /// In kind.
        Kind = "kind",
    }
}

wire_code! {
    /// How the worker confirmed the receipt.
    Confirmation in "confirmation" {
        /// Signature.
        Signature = "signature",
        /// Thumb print on paper.
        Thumb = "thumb",
        /// SMS.
        Sms = "sms",
        /// A witness.
        Witness = "witness",
    }
}

wire_code! {
    /// Why something was kept back from pay.
    DeductionReason in "deduction_reason" {
        /// Social insurance.
        SocialInsurance = "social_insurance",
        /// Tax.
        Tax = "tax",
        /// An advance that is paid back.
        Advance = "advance",
        /// A court's order.
        CourtOrder = "court_order",
        /// Another reason.
        Other = "other",
        /// Several reasons in one sum.
        Several = "several",
    }
}

wire_code! {
    /// The age of children in care.
    ChildBand in "child_band" {
        /// 0 to 2 years.
        To2 = "0-2",
        /// 3 to 5 years.
        From3To5 = "3-5",
    }
}

wire_code! {
    /// Where children were cared for.
    CareMode in "care_mode" {
        /// On the site.
        Site = "site",
        /// In the community.
        Community = "community",
        /// At a carer's home.
        Home = "home",
    }
}

wire_code! {
    /// What a training was about.
    TrainingTopic in "training_topic" {
        /// Technical skills.
        Technical = "technical",
        /// Care of earth buildings.
        EarthBuilding = "earth_building",
        /// Safety and health at work.
        Osh = "osh",
        /// HIV at work: rights and prevention.
        HivAtWork = "hiv_at_work",
        /// Rights at work.
        Rights = "rights",
        /// Running an enterprise.
        Enterprise = "enterprise",
        /// Reading, writing, counting.
        Literacy = "literacy",
        /// Another topic.
        Other = "other",
    }
}

wire_code! {
    /// How a training ended for a person.
    TrainingResult in "certification" {
        /// Attended, not tested.
        Attended = "attended",
        /// Certified.
        Certified = "certified",
        /// Tested and not passed.
        NotPassed = "not_passed",
    }
}
