// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Key pairs that never change, and what was made with them, in hexadecimal: numbers in big-endian order.

// RSA, 1024 bits; the public exponent is 65537.

pub(super) const RSA_N: &str =
    "a16387334220e71e736a90c827d9ce1b14256c538477c9699f6e8e26f06c84b835492e48b6de95ffb840b2011b5f88bf\
    1abefa5df002c589f71ffa88ff1dac454671082945c09f8049cdd59243a9074e47b33a94a1c3aac30de8634d9e94cea7\
    5356347f2ab9948d5098693eeebd5070b24e3c555cd91fb7cb849344d2c35323";
pub(super) const RSA_D: &str =
    "75505adc08cad0161381b842b6ad1da4136deca37d1c71fd645641e0ce4da3e01f63d5d02795ff65467348b1834b5ba4\
    c6f5621b5cb7370ec5e3aa0361a7192c8e5f7f16d116dac19a12be6793e38705765e1a069c44ccdbec02e2e2394181f9\
    44469680200551549583e780b283c1c6f7e9d307d0cd8fdf0daa2697b8abcb41";
pub(super) const RSA_P: &str =
    "d5621cfdaf6f9e13f109a92e158426d1f374166991b54fd4686e713f35cb199bde0ad0f3d553f6bde541c707a93943be\
    ca20d63c3a7a98f731e771f74406c103";
pub(super) const RSA_Q: &str =
    "c19f08e2aa1955985d3142079988502f3815cde64c746dca49ce7dc48d41703ef156669e9dfe70476bda06eece73de1f\
    450eee127340bc6ecae7f5498abdbb61";
pub(super) const RSA_DP: &str =
    "a35da57277e14db658c11bbc838e94a602eceac7d25d6d0be3144331b0be9911a352c69d17c35bd210f66629b05e7e46\
    50bc09293d60654243fbbd5e20bfc6ff";
pub(super) const RSA_DQ: &str =
    "a8d0343b0bfb92b989674d1ebb2a325f391329b645aaad9ed5c307bcbb3bf6d5aa2d9ec365155667af0d2546491294f3\
    c68e41dc2c48a102283f1d89c541af81";
pub(super) const RSA_QINV: &str =
    "70b6baca931bca64449935f5f688157f3f048212321d174fe60102d2a05468539fd2714ad8a59929c85c03e9acda4ee7\
    2e8d7733cacc0b34804df31b481a6c41";
/// Of the digest of "sample", by PSS with SHA-256 and a salt of 32 bytes.
pub(super) const RSA_PSS: &str =
    "16e422d0cf9af14f799150f625dd6b9a229889b06d1336d19aeef415638ac76e168d27c61bc2fd1cc51111d1c92f8cb1\
    6d4cf8936d06dbbea52b4de9783ea39e1ca8111331bfaa873a3a47f62cab2b3039b50a969d8e76e8854c109c4ec0852a\
    47ec51f25179a0c36823475acde12e4664e10f3bcb28463c519deaf0470be499";
/// "a secret", by OAEP with SHA-1.
pub(super) const RSA_OAEP: &str =
    "756942cabd3eb2f5f396ca1c25783921e027f49bf0d89dcd4f1b9d210d3cf4154c46d39190b984bab4d989fd1769f3be\
    711ad90f533bfed9c417dfdb03058d512d9a859a8c803a07c67d1f2720e73d47f04baf1d4add0526b5f370eab3aee99f\
    aac8c394d61b3905eec57f91ae0cb3d03c3146bdade4041c6444a44727d1ebd8";
/// The same by PKCS #1 v1.5.
pub(super) const RSA_ES: &str =
    "03423875cedd0a72944d1b5bd9187bebe673eca8977164072fdce26fa3d16eccab447c32076cff1e54663557f7ab5235\
    9c48f42686813e1fcc77a5dc389b10597c9d2a45c785da61c1ed808138a5aae6c877e576585b41dad05e034b05bc5555\
    d1eba8d06006dee4e984625fdf2d132a9b794de3244348865e608990871c48b8";

// DSA, 1024 and 160 bits.

pub(super) const DSA_P: &str =
    "ca7e08ef38ca4e01a644cb47ae0171137978547e7da2cd743cea1205cf8e73decb6d8ab3ae96892277b237424ed92ede\
    de1b4f69c13ccce733e5d5a5b34ab57073a052253b4109dda02e3d9eea1a8c0faab92cba5856cbe221d19e3058125d35\
    d11d44f731eaf43bb1cf30ab0def2634b44f49119c14175d5b2868c7af71ed55";
pub(super) const DSA_Q: &str = "b01374aff08a44e0427ea3ef2bb0a84ffea12fab";
pub(super) const DSA_G: &str =
    "51ea85254817b373db85d0473023c4a9abff6d4de37c9ab34b38f565813cdd86d5aae7d875c42202425160b47cc3e51c\
    7da0175cb46f6524adbbb1f886dbb791ccedcf14d44dc071ed30a0e76d718c950a0e71afaad5f39f79bbc87572926496\
    760cac27a2e537870ab7705335c8b667452980354385f5d78881334a7884b200";
pub(super) const DSA_Y: &str =
    "1d35e657bc5a180234e6ac61ba82052e7f69634dec3a7fb00a2eeeace18eb286d319fe7887ecf59d87fe885d7dc17d47\
    396645c3efbc0bf888d438766a3e858da41129c77469a01ffc2a73caa8047847e3e4b15a2682cf4a89cb9c03983054ff\
    359f4642e968bad71bd4376407cce03da789c3d01f8d3d1054b25eecafe46257";
pub(super) const DSA_X: &str = "8613308486e3fbcecae234d4d128cca333e47f56";
/// Of the digest of "sample" by SHA-1.
pub(super) const DSA_SIGNATURE: &str =
    "9a667cc3b6a6ba491e1d996d49bf076538d4570d44a60bf2b2fd5c52a47ca0fa2e5098e2f2231cf1";

// Diffie-Hellman, 512 bits, base 2: two sides.

pub(super) const DH_P: &str =
    "a9ac2b08da64c617365a49c4478e2422c45b6cf7a34501886600fbde54f7f0fa340f9fbc87e1f75bd90eb6ead31d45e3\
    281c158017ac0baa9126d91aa8acfa47";
pub(super) const DH_X: &str =
    "26d1aa879489a25670a806dbc3aff733f040d0fa4b7fef20fcd81c4afd61b2bcd4aa9f0cf896f919ec81d128f0f160fb\
    5d94431cbf9a355d21cd37242c4708d3";
pub(super) const DH_Y: &str =
    "51d4a50f6e91f570f0a18dc43c21d27bb07ad1ffd152a6cb81d08d79e7e45fc6a32d9a94b2122a50b44136217fc24ee9\
    318a9fae65147cbf4ad267206024da5a";
pub(super) const DH_PEER: &str =
    "2fc4c93e56de06b24a5897b4e57b5831b5862da233d1595243d7788536b8cd8747a7da2de6c7d8af58cf554a0e95e9da\
    17d28e80de6c98bb0db7adc6998d88ec";

// P-256: the key of RFC 6979, appendix A.2.5.

pub(super) const P256_D: &str = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721";
pub(super) const P256_X: &str = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
pub(super) const P256_Y: &str = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
/// Of the digest of "sample" by SHA-256.
pub(super) const P256_SIGNATURE: &str =
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65\
    f3e900dbb9aff4064dc4ab2f843acda8";

// Ed25519: RFC 8032, section 7.1, test 2.

pub(super) const ED25519_D: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
pub(super) const ED25519_Q: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

// X25519; the other side is the one of RFC 7748, section 6.1.

pub(super) const X25519_D: &str = "77076d0a7318a57d3c16c17251b26645df4c2f92ebc0992ac177fba51db92c2a";
pub(super) const X25519_Q: &str = "f8a9535a2d2ff605e8e144d54f4ef5c62313a2055dbb21fddd3fd9c299eb015d";
pub(super) const X25519_PEER: &str = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";

// SM2: GB/T 32918.5, annexes A and C.

pub(super) const SM2_D: &str = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
pub(super) const SM2_X: &str = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020";
pub(super) const SM2_Y: &str = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
