//! What QUIC is told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use quinn_proto::{
    ClientConfig, EndpointConfig, NoneTokenStore, RandomConnectionIdGenerator, ServerConfig, TimeSource,
    TransportConfig, VarInt,
};
use ring::hmac;

use crate::endpoint_settings::Settings;
use crate::gate::Room;
use crate::tls::Tls;

/// Channels that a peer can have open on one link.
pub(crate) const CHANNELS: u32 = 16;

/// Bytes in flight on one link: 512 short messages with all that is around them, or one as long as may be.
const WINDOW: u32 = 1 << 20;

/// The same for one channel. Less, so that one that is not read does not stop all others.
const CHANNEL_WINDOW: u32 = 512 << 10;

/// Both, on the links of others if there are many.
const WINDOW_IN_CROWD: u32 = 64 << 10;

/// How long an answer is thought to take before one was measured. The first repetition comes after three times this, the
/// next after six times more: three attempts within a second.
const FIRST_RTT: Duration = Duration::from_millis(100);

/// Both sides of a handshake have less than 1 KiB to say.
const HANDSHAKE_BUFFER: usize = 8 << 10;

/// Bytes of the numbers by which datagrams find their link.
const LINK_NAME_LEN: usize = 8;

/// How long a peer may take to come back with the proof that its address is its own.
const PROOF_AFTER: Duration = Duration::from_secs(15);

/// Time as the library's tokens want it: what [`Endpoint`](crate::Endpoint) was told, from an origin of its own, so that they mind no clock
/// that is set anew.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    origin: OnceLock<Instant>,
    passed: AtomicU64,
}

impl Clock {
    pub(crate) fn set(&self, now: Instant) {
        let passed = now.saturating_duration_since(*self.origin.get_or_init(|| now));
        self.passed.store(passed.as_millis() as u64, Ordering::Relaxed);
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.passed.load(Ordering::Relaxed))
    }
}

/// What is the same for all links that we make.
pub(crate) fn client(tls: &Tls, settings: &Settings) -> ClientConfig {
    let mut client = ClientConfig::new(tls.client.clone());
    client.transport_config(Arc::new(transport(settings, Room::Much)));
    // No tokens are given out, so there are none to keep.
    client.token_store(Arc::new(NoneTokenStore));
    client
}

/// What is the same for all links that others make.
pub(crate) fn server(tls: &Tls, settings: &Settings, room: Room, clock: Arc<Clock>) -> ServerConfig {
    let mut server = ServerConfig::with_crypto(tls.server.clone());
    server.transport_config(Arc::new(transport(settings, room)));
    server.time_source(clock);
    server.retry_token_lifetime(PROOF_AFTER);
    // What comes is judged at once, so that nothing waits.
    server.max_incoming(1).incoming_buffer_size(0).incoming_buffer_size_total(0);
    server
}

/// What is the same for both.
pub(crate) fn endpoint(reset_key: hmac::Key) -> EndpointConfig {
    let mut endpoint = EndpointConfig::new(Arc::new(reset_key));
    endpoint.cid_generator(|| Box::new(RandomConnectionIdGenerator::new(LINK_NAME_LEN)));
    endpoint
}

fn transport(settings: &Settings, room: Room) -> TransportConfig {
    let (channel_window, window) = match room {
        Room::Much => (CHANNEL_WINDOW, WINDOW),
        Room::Little => (WINDOW_IN_CROWD, WINDOW_IN_CROWD),
    };
    // Never none at all: a peer that is gone would be called for ever.
    let idle_after = u32::try_from(settings.idle_after.as_millis()).unwrap_or(u32::MAX).max(1);
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(VarInt::from_u32(idle_after).into()))
        .max_concurrent_bidi_streams(CHANNELS.into())
        .max_concurrent_uni_streams(0_u32.into())
        .stream_receive_window(channel_window.into())
        .receive_window(window.into())
        .send_window(WINDOW.into())
        .initial_rtt(FIRST_RTT)
        .crypto_buffer_size(HANDSHAKE_BUFFER)
        .datagram_receive_buffer_size(None)
        // Its datagrams are as many as those of a short chat, for messages that mostly fill none.
        .mtu_discovery_config(None)
        .allow_spin(false)
        .enable_segmentation_offload(settings.segments_max > 1);
    transport
}
