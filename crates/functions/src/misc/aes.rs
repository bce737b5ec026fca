//! `aes_encrypt`, `aes_decrypt`, `try_aes_decrypt`: GCM, CBC and ECB with keys of 16, 24 or 32 bytes.

use std::sync::Arc;

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256, Block};
use aes_gcm::AesGcm;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{Aead, Nonce, Payload};
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray};
use arrow::datatypes::DataType::{Binary, Utf8};
use datafusion::logical_expr::Volatility;
use datafusion::scalar::ScalarValue;
use firesteel_protocol::types::name;
use firesteel_protocol::{Result, SparkError};

use crate::kernel::{KernelArgs, kernel_expr};
use crate::rowwise::{complete, string_at, strings, text};
use crate::{Call, Typed};

const BLOCK: usize = 16;
const GCM_IV: usize = 12;
const TAG: usize = 16;

/// `aes_encrypt(expr, key[, mode[, padding[, iv[, aad]]]])`. Without an IV a random one is taken and put before.
pub(super) fn aes_encrypt(call: &Call) -> Result<Typed> {
    let empty = ScalarValue::Utf8(Some(String::new()));
    let defaults = [(text("GCM"), "GCM"), (text("DEFAULT"), "DEFAULT"), (empty.clone(), ""), (empty, "")];
    let call = complete(call, 6, &defaults)?;
    let label = call.display();
    let call = call.coerced(&[Binary, Binary, Utf8, Utf8, Binary, Binary])?;
    let nullable = true;
    // Each call draws IVs of its own.
    let expr = kernel_expr(
        "ansi_aes_encrypt",
        call.exprs(),
        Binary,
        nullable,
        Volatility::Volatile,
        call.env,
        String::new(),
        encrypt_kernel,
    );
    Ok(Typed::new(expr, label, Binary, nullable))
}

/// `aes_decrypt(expr, key[, mode[, padding[, aad]]])`.
pub(super) fn aes_decrypt(call: &Call) -> Result<Typed> {
    decrypt(call, false)
}

/// `try_aes_decrypt(...)`: NULL where the text cannot be decrypted.
pub(super) fn try_aes_decrypt(call: &Call) -> Result<Typed> {
    decrypt(call, true)
}

fn decrypt(call: &Call, tried: bool) -> Result<Typed> {
    let empty = ScalarValue::Utf8(Some(String::new()));
    let call = complete(call, 5, &[(text("GCM"), "GCM"), (text("DEFAULT"), "DEFAULT"), (empty, "")])?;
    let label = call.display();
    let call = call.coerced(&[Binary, Binary, Utf8, Utf8, Binary])?;
    let param = if tried { "try" } else { "" };
    Ok(call.kernel_with("ansi_aes_decrypt", Binary, true, param.into(), decrypt_kernel).named(label))
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Gcm,
    Cbc,
    Ecb,
}

impl Mode {
    fn parse(mode: &str, padding: &str) -> Result<Self> {
        let (upper, pad) = (mode.to_uppercase(), padding.to_uppercase());
        match (upper.as_str(), pad.as_str()) {
            ("GCM", "NONE" | "DEFAULT") => Ok(Self::Gcm),
            ("CBC", "PKCS" | "DEFAULT") => Ok(Self::Cbc),
            ("ECB", "PKCS" | "DEFAULT") => Ok(Self::Ecb),
            _ => Err(SparkError::new("UNSUPPORTED_FEATURE.AES_MODE")
                .with("mode", mode)
                .with("padding", padding)
                .with("functionName", FUNCTIONS)),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Gcm => "GCM",
            Self::Cbc => "CBC",
            Self::Ecb => "ECB",
        }
    }
}

const FUNCTIONS: &str = "`aes_encrypt`/`aes_decrypt`";

fn crypto_error(detail: &str) -> SparkError {
    SparkError::new("INVALID_PARAMETER_VALUE.AES_CRYPTO_ERROR")
        .with("parameter", "`expr`, `key`")
        .with("functionName", FUNCTIONS)
        .with("detailMessage", detail)
}

/// GCM with IVs of 12 bytes.
type Gcm<A> = AesGcm<A, U12>;

/// A key of one of the three lengths.
enum Cipher {
    Short(Aes128),
    Middle(Aes192),
    Long(Aes256),
}

impl Cipher {
    fn new(key: &[u8]) -> Result<Self> {
        let wrong = |_| {
            SparkError::new("INVALID_PARAMETER_VALUE.AES_KEY_LENGTH")
                .with("parameter", name::quote("key"))
                .with("functionName", FUNCTIONS)
                .with("actualLength", key.len().to_string())
        };
        match key.len() {
            24 => Aes192::new_from_slice(key).map(Self::Middle).map_err(wrong),
            32 => Aes256::new_from_slice(key).map(Self::Long).map_err(wrong),
            _ => Aes128::new_from_slice(key).map(Self::Short).map_err(wrong),
        }
    }

    fn encrypt_block(&self, block: &mut Block) {
        match self {
            Self::Short(cipher) => cipher.encrypt_block(block),
            Self::Middle(cipher) => cipher.encrypt_block(block),
            Self::Long(cipher) => cipher.encrypt_block(block),
        }
    }

    fn decrypt_block(&self, block: &mut Block) {
        match self {
            Self::Short(cipher) => cipher.decrypt_block(block),
            Self::Middle(cipher) => cipher.decrypt_block(block),
            Self::Long(cipher) => cipher.decrypt_block(block),
        }
    }

    /// Encrypts with PKCS#7 padding; in CBC each block is mixed with the one before, the first with the IV.
    fn encrypt_blocks(&self, message: &[u8], chain: Option<[u8; BLOCK]>) -> Vec<u8> {
        let padding = BLOCK - message.len() % BLOCK;
        let mut padded = message.to_vec();
        padded.resize(message.len() + padding, padding as u8);
        let mut previous = chain;
        let mut out = Vec::with_capacity(padded.len());
        for chunk in padded.chunks_exact(BLOCK) {
            let mut bytes = [0; BLOCK];
            bytes.copy_from_slice(chunk);
            if let Some(previous) = &previous {
                bytes.iter_mut().zip(previous).for_each(|(byte, other)| *byte ^= other);
            }
            let mut block = Block::from(bytes);
            self.encrypt_block(&mut block);
            previous = previous.map(|_| block.into());
            out.extend_from_slice(&block);
        }
        out
    }

    fn decrypt_blocks(&self, text: &[u8], chain: Option<[u8; BLOCK]>) -> Result<Vec<u8>> {
        if text.is_empty() || !text.len().is_multiple_of(BLOCK) {
            return Err(crypto_error("Input length must be multiple of 16 when decrypting with padded cipher"));
        }
        let mut previous = chain;
        let mut out = Vec::with_capacity(text.len());
        for chunk in text.chunks_exact(BLOCK) {
            let mut bytes = [0; BLOCK];
            bytes.copy_from_slice(chunk);
            let mut block = Block::from(bytes);
            self.decrypt_block(&mut block);
            let mut plain: [u8; BLOCK] = block.into();
            if let Some(previous) = &previous {
                plain.iter_mut().zip(previous).for_each(|(byte, other)| *byte ^= other);
            }
            previous = previous.map(|_| bytes);
            out.extend_from_slice(&plain);
        }
        let padding = usize::from(out.last().copied().unwrap_or(0));
        let kept = out.len().saturating_sub(padding);
        let is_padding = (1..=BLOCK).contains(&padding) && out[kept..].iter().all(|b| usize::from(*b) == padding);
        if !is_padding {
            return Err(crypto_error(
                "Given final block not properly padded. Such issues can arise if a bad key is used during decryption.",
            ));
        }
        out.truncate(kept);
        Ok(out)
    }
}

/// GCM, whose type depends on the key's length.
fn gcm(key: &[u8], iv: &[u8], payload: Payload<'_, '_>, encrypt: bool) -> Result<Vec<u8>> {
    fn run<A>(cipher: A, iv: &[u8], payload: Payload<'_, '_>, encrypt: bool) -> Result<Vec<u8>>
    where
        A: Aead,
    {
        let nonce = Nonce::<A>::try_from(iv).map_err(|_| SparkError::internal("the length of an IV was checked"))?;
        let done = if encrypt { cipher.encrypt(&nonce, payload) } else { cipher.decrypt(&nonce, payload) };
        done.map_err(|_| crypto_error("Tag mismatch!"))
    }
    match Cipher::new(key)? {
        Cipher::Short(cipher) => run(Gcm::from(cipher), iv, payload, encrypt),
        Cipher::Middle(cipher) => run(Gcm::from(cipher), iv, payload, encrypt),
        Cipher::Long(cipher) => run(Gcm::from(cipher), iv, payload, encrypt),
    }
}

fn encrypt_row(message: &[u8], key: &[u8], mode: Mode, iv: &[u8], aad: &[u8]) -> Result<Vec<u8>> {
    let cipher = Cipher::new(key)?;
    let unsupported =
        |condition: &str| SparkError::new(condition).with("mode", mode.word()).with("functionName", "`aes_encrypt`");
    if mode == Mode::Ecb && !iv.is_empty() {
        return Err(unsupported("UNSUPPORTED_FEATURE.AES_MODE_IV"));
    }
    if mode != Mode::Gcm && !aad.is_empty() {
        return Err(unsupported("UNSUPPORTED_FEATURE.AES_MODE_AAD"));
    }
    let wanted = match mode {
        Mode::Gcm => GCM_IV,
        Mode::Cbc => BLOCK,
        Mode::Ecb => return Ok(cipher.encrypt_blocks(message, None)),
    };
    if !iv.is_empty() && iv.len() != wanted {
        return Err(SparkError::new("INVALID_PARAMETER_VALUE.AES_IV_LENGTH")
            .with("mode", mode.word())
            .with("parameter", name::quote("iv"))
            .with("functionName", FUNCTIONS)
            .with("actualLength", iv.len().to_string()));
    }
    let iv = if iv.is_empty() { rand::random::<[u8; BLOCK]>()[..wanted].to_vec() } else { iv.to_vec() };
    let body = if mode == Mode::Gcm {
        gcm(key, &iv, Payload { msg: message, aad }, true)?
    } else {
        let mut chain = [0; BLOCK];
        chain.copy_from_slice(&iv);
        cipher.encrypt_blocks(message, Some(chain))
    };
    Ok([iv, body].concat())
}

fn decrypt_row(text: &[u8], key: &[u8], mode: Mode, aad: &[u8]) -> Result<Vec<u8>> {
    let cipher = Cipher::new(key)?;
    if mode != Mode::Gcm && !aad.is_empty() {
        return Err(SparkError::new("UNSUPPORTED_FEATURE.AES_MODE_AAD")
            .with("mode", mode.word())
            .with("functionName", "`aes_decrypt`"));
    }
    match mode {
        Mode::Ecb => cipher.decrypt_blocks(text, None),
        Mode::Cbc => {
            let Some((iv, body)) = text.split_first_chunk::<BLOCK>() else {
                return Err(crypto_error("Invalid buffer arguments"));
            };
            cipher.decrypt_blocks(body, Some(*iv))
        }
        Mode::Gcm => {
            let Some((iv, body)) = text.split_at_checked(GCM_IV) else {
                return Err(crypto_error("Invalid buffer arguments"));
            };
            if body.len() < TAG {
                return Err(crypto_error("Input data too short to contain an expected tag length of 16bytes"));
            }
            gcm(key, iv, Payload { msg: body, aad }, false)
        }
    }
}

fn encrypt_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let columns = args.arrays()?;
    each(args, |row, mode| {
        let bytes = |index: usize| columns[index].as_binary::<i32>().value(row);
        encrypt_row(bytes(0), bytes(1), mode, bytes(4), bytes(5)).map(Some)
    })
}

fn decrypt_kernel(args: &KernelArgs<'_>) -> Result<ArrayRef> {
    let columns = args.arrays()?;
    let tried = args.param == "try";
    each(args, |row, mode| {
        let bytes = |index: usize| columns[index].as_binary::<i32>().value(row);
        match decrypt_row(bytes(0), bytes(1), mode, bytes(4)) {
            Ok(plain) => Ok(Some(plain)),
            Err(_) if tried => Ok(None),
            Err(error) => Err(error),
        }
    })
}

/// Rows whose arguments all have values.
fn each(args: &KernelArgs<'_>, mut of: impl FnMut(usize, Mode) -> Result<Option<Vec<u8>>>) -> Result<ArrayRef> {
    let columns = args.arrays()?;
    let (modes, paddings) = (strings(args, 2)?, strings(args, 3)?);
    let tried = args.param == "try";
    let rows = (0..args.rows).map(|row| {
        if columns.iter().any(|column| column.is_null(row)) {
            return Ok(None);
        }
        let words = (string_at(&modes, row).unwrap_or_default(), string_at(&paddings, row).unwrap_or_default());
        match Mode::parse(words.0, words.1) {
            Ok(mode) => of(row, mode),
            Err(_) if tried => Ok(None),
            Err(error) => Err(error),
        }
    });
    Ok(Arc::new(BinaryArray::from_iter(rows.collect::<Result<Vec<_>>>()?)))
}
