//! Sealing: bytes that only the holder of one key can read, by HPKE (RFC 9180) in base mode with DHKEM(X25519,
//! HKDF-SHA256), HKDF-SHA256 and ChaCha20-Poly1305.

use std::convert::Infallible;

use hpke::aead::{AeadTag, ChaCha20Poly1305};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};

/// How much longer sealed bytes are than plain ones: the encapsulated key and the tag.
pub const SEAL_BYTES: usize = 32 + 16;

/// A pair of keys for sealing.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingPair {
    /// Opens what was sealed.
    pub secret: [u8; 32],
    /// Seals.
    pub public: [u8; 32],
}

impl std::fmt::Debug for SealingPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealingPair").finish_non_exhaustive()
    }
}

impl SealingPair {
    /// The pair that 32 random bytes give.
    pub fn derive(random: &[u8; 32]) -> Self {
        let (secret, public) = X25519HkdfSha256::derive_keypair(random);
        Self { secret: secret.to_bytes().into(), public: public.to_bytes().into() }
    }
}

/// Seals bytes to a public key. `random` are 32 bytes that are used for nothing else. `info` says what for, `beside` is
/// what stands readable beside the sealed bytes and is bound to them. `None` if the key is none.
pub fn seal(
    public: &[u8; 32],
    info: &[u8],
    beside: &[u8],
    plain: &[u8],
    random: [u8; 32],
) -> Option<Vec<u8>> {
    let public = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(public).ok()?;
    let mut drawn = Drawn(random);
    let (key, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &public,
        info,
        plain,
        beside,
        &mut drawn,
    )
    .ok()?;
    Some([key.to_bytes().as_slice(), &sealed].concat())
}

/// Opens what was sealed to the public half of `secret` with the same `info` and `beside`; `None` if it was not, or was
/// touched.
pub fn open(secret: &[u8; 32], info: &[u8], beside: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (key, sealed) = sealed.split_at_checked(32)?;
    if sealed.len() < AeadTag::<ChaCha20Poly1305>::size() {
        return None;
    }
    let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(secret).ok()?;
    let key = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(key).ok()?;
    hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &secret,
        &key,
        info,
        sealed,
        beside,
    )
    .ok()
}

/// The randomness that the caller gave: HPKE draws as much as a secret key has, once.
struct Drawn([u8; 32]);

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("HPKE draws bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("HPKE draws bytes")
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        into.copy_from_slice(&std::mem::take(&mut self.0)[..into.len()]);
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hexadecimal"))
    }

    /// RFC 9180 A.2.1.
    #[test]
    fn it_is_the_hpke_of_the_rfc() {
        let pair =
            SealingPair::derive(&hex("1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df"));
        assert_eq!(pair.public, hex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a"),);
        let (info, beside) = (b"Ode on a Grecian Urn", b"Count-0");
        let plain = b"Beauty is truth, truth beauty";
        let random = hex("909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b");
        let sealed = seal(&pair.public, info, beside, plain, random).expect("a key");
        assert_eq!(
            sealed[..32],
            hex::<32>("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"),
        );
        assert_eq!(
            sealed[32..],
            hex::<45>(
                "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"
            ),
        );
        assert_eq!(open(&pair.secret, info, beside, &sealed).as_deref(), Some(plain.as_slice()));
        assert_eq!(sealed.len(), plain.len() + SEAL_BYTES);
    }

    #[test]
    fn nothing_else_opens() {
        let pair = SealingPair::derive(&[7; 32]);
        let sealed = seal(&pair.public, b"for", b"beside", b"plain", [1; 32]).expect("a key");
        for at in 0..sealed.len() {
            let mut touched = sealed.clone();
            touched[at] ^= 0x80;
            assert_eq!(open(&pair.secret, b"for", b"beside", &touched), None, "{at}");
            assert_eq!(open(&pair.secret, b"for", b"beside", &sealed[..at]), None, "{at}");
        }
        assert_eq!(open(&pair.secret, b"other", b"beside", &sealed), None);
        assert_eq!(open(&pair.secret, b"for", b"other", &sealed), None);
        assert_eq!(open(&SealingPair::derive(&[8; 32]).secret, b"for", b"beside", &sealed), None);
        assert_eq!(seal(&[0; 32], b"for", b"beside", b"plain", [1; 32]), None, "the key of nobody");
    }
}
