//! Keys that are no keys: whoever has read the same page has them, too.

/// Public keys whose secret halves stand in public documents, in hexadecimal.
const PUBLISHED: &[&str] = &[
    // The vectors of PASETO, the documentation of pyseto and of flask-paseto-extended.
    "1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2",
    "02fbcb7c69ee1c60579be7a334134878d9c5c5bf35d552dab63c0140397ed14cef637d7720925c44699ea30e72874c72fb",
    // The documentation of fastapi-paseto and of fastapi-paseto-auth.
    "7386431cf2d9e9e194df22f80293e9414ab8710500f74d0d63572c2487300316",
    // The vectors of PASERK.
    "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",
    "1ce56a48c82ff99162a14bc544612674e5d61fb9317e65d4055780fdbcb4dc35",
    "60fe37571a5d6e7d30b15154ce4a9fb92c70c870848f4ccdf1626588097f73f7",
    "707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f",
    "707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e90",
    // RFC 8032, section 7.1.
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
];

/// Tells whether the secret half of this public key is known to everybody.
pub(super) fn is_published(public: &[u8]) -> bool {
    let text: String = public.iter().map(|byte| format!("{byte:02x}")).collect();
    PUBLISHED.contains(&text.as_str())
}
