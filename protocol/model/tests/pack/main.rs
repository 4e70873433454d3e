//! The pack: the questionnaires that are shipped, `pack/himo`.

mod age_gate;
mod attendance;
mod excel;
mod files;
mod filled;
mod grievance;
mod held;
mod judged;
mod languages;
mod migration;

mod payment;
mod person;
mod read;
#[path = "../form/world.rs"]
mod world;
