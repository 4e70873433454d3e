//! What lies between two namespaces: a TUN device in each, and between them a delay and a loss that this process makes.
//!
//! The kernel's TCP runs over it as over any link. Its rate is the token bucket's on either device.

use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tun_rs::{AsyncDevice, DeviceBuilder};

/// How long a packet is in the air in either direction: GPRS takes 300 ms and more for both.
pub const DELAY: Duration = Duration::from_millis(150);
/// More than any packet of a device of 1,500 bytes.
const PACKET_BYTES: usize = 2_048;

/// The two ends, `near` and `far`, for as long as this lives.
pub struct Air {
    ways: [JoinHandle<()>; 2],
}

impl Air {
    /// `lost_percent` of the packets in either direction never arrive; which, a fixed seed says.
    pub fn between(lost_percent: u32) -> Self {
        let device = |name| {
            let device = DeviceBuilder::new().name(name).build_async();
            Arc::new(device.expect("who may make a namespace may make a device in it"))
        };
        let (near, far) = (device("near"), device("far"));
        let way = |from: &Arc<AsyncDevice>, to: &Arc<AsyncDevice>, seed| {
            tokio::spawn(carry(
                Arc::clone(from),
                Arc::clone(to),
                lost_percent,
                ChaCha8Rng::seed_from_u64(seed),
            ))
        };
        Self { ways: [way(&near, &far, 1), way(&far, &near, 2)] }
    }
}

impl Drop for Air {
    fn drop(&mut self) {
        self.ways.iter().for_each(JoinHandle::abort);
    }
}

async fn carry(from: Arc<AsyncDevice>, to: Arc<AsyncDevice>, lost_percent: u32, mut luck: ChaCha8Rng) {
    let (air, mut arriving) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let arrivals = async {
        while let Some((at, packet)) = arriving.recv().await {
            tokio::time::sleep_until(at).await;
            // A device that is down takes nothing: the packet is lost, as it would be.
            let _ = to.send(&packet).await;
        }
    };
    let departures = async {
        let mut packet = vec![0; PACKET_BYTES];
        loop {
            let Ok(length) = from.recv(&mut packet).await else {
                // A device that is down gives nothing; it comes up again.
                tokio::time::sleep(DELAY).await;
                continue;
            };
            if luck.next_u32() % 100 >= lost_percent {
                let packet = packet.get(..length).unwrap_or_default().to_vec();
                let _ = air.send((Instant::now() + DELAY, packet));
            }
        }
    };
    tokio::join!(arrivals, departures);
}
