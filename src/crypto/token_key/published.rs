//! Keys in public documents. Every reader of those documents has them, so they are refused.

/// Public keys from public documents, most of them with their secret halves, in hexadecimal.
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
    "031a990821929b25fbe1e63dd5f946c095caad04e5fb9013658b836ec85af2b7afa65cb4272ec120a8d737599a0cfd4427",
    "02b84b83f33af72d8e1624bf5c4a7991f0a193131e08c0481385c976978ecdd68dc2100e50d37a46b96b63caafe8c00761",
    "02707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
    // RFC 8032, section 7.1.
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
    "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    // RFC 8032, section 7.2.
    "dfc9425e4f968f7f0c29f0259cf5f9aed6851c2bb4ad8bfb860cfee0ab248292",
    "0f1d1274943b91415889152e893d80e93275a1fc0b65fd71b4b0dda10ad7d772",
    // RFC 8410, section 10.3.
    "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1",
    // RFC 9421, appendix B.1.4.
    "26b40b8f93fff3d897112f7ebc582b232dbd72517d082fe83cfb30ddce43d1bb",
];

/// Returns `true` if this public key is in a public document, and with it most likely its secret half.
pub(super) fn is_published(public: &[u8]) -> bool {
    let text: String = public.iter().map(|byte| format!("{byte:02x}")).collect();
    PUBLISHED.contains(&text.as_str())
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use crate::crypto::keys::decode_hex;
    use crate::crypto::token_key::key::TokenKey;
    use crate::crypto::token_key::published::is_published;

    fn fault_of(text: &str) -> String {
        TokenKey::parse(text, None, None).err().map(|it| it.to_string()).unwrap_or_default()
    }

    /// The vectors of RFC 8032, sections 7.1 and 7.2, as secret keys.
    #[test]
    fn the_keys_of_rfc_8032_are_refused_by_what_derives_from_them() {
        for seed in [
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
            "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
            "ab9c2853ce297ddab85c993b3ae14bcad39b2c682beabc27d6d4eb20711d6560",
        ] {
            let seed: [u8; 32] = decode_hex(seed).unwrap().try_into().unwrap();
            assert!(is_published(SigningKey::from_bytes(&seed).verifying_key().as_bytes()));
        }
    }

    #[test]
    fn the_keys_of_rfc_8410_and_rfc_9421_are_refused_as_they_stand_there() {
        for text in [
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----",
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----",
            "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----",
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----",
        ] {
            assert!(fault_of(text).contains("stands in public documentation"), "{text}");
        }
    }

    #[cfg(feature = "legacy-paseto")]
    #[test]
    fn the_vectors_of_paserk_are_refused_as_keys_of_version_3() {
        for text in [
            "k3.secret.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo-QkZKTlJWWl5iZmpucnZ6f",
            "k3.secret.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo-QkZKTlJWWl5iZmpucnZ6g",
            "k3.public.AnBxcnN0dXZ3eHl6e3x9fn-AgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2enw",
            "k3.public.AxqZCCGSmyX74eY91flGwJXKrQTl-5ATZYuDbsha8revply0Jy7BIKjXN1maDP1EJw",
        ] {
            assert!(fault_of(text).contains("stands in public documentation"), "{text}");
        }
    }
}
