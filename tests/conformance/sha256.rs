//! SHA-256 (FIPS 180-4), for the hashes of the ground truth. Slow and plain.

/// The hash as lower-case hexadecimal digits.
pub(crate) fn hex(message: &[u8]) -> String {
    let primes = || (2u64..).filter(|n| (2..*n).all(|d| n % d != 0));
    // The first 32 bits behind the point of square and cube roots of primes, by integer search.
    let fraction = |n: u64, root: u32| {
        let (mut low, mut high) = (0u128, 1u128 << 40);
        while low + 1 < high {
            let mid = (low + high) / 2;
            if mid.pow(root) <= u128::from(n) << (32 * root) { low = mid } else { high = mid }
        }
        low as u32
    };
    // 2^32 times a cube root below 7 has 35 bits; its cube fits 128.
    let k: Vec<u32> = primes().take(64).map(|p| fraction(p, 3)).collect();
    let mut state: Vec<u32> = primes().take(8).map(|p| fraction(p, 2)).collect();
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks(64) {
        let mut w: Vec<u32> = block.chunks(4).map(|b| u32::from_be_bytes(b.try_into().unwrap())).collect();
        for t in 16..64 {
            let (a, b) = (w[t - 15], w[t - 2]);
            let s0 = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
            let s1 = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
            w.push(w[t - 16].wrapping_add(s0).wrapping_add(w[t - 7]).wrapping_add(s1));
        }
        let mut v = state.clone();
        for t in 0..64 {
            let s1 = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
            let choice = (v[4] & v[5]) ^ (!v[4] & v[6]);
            let one = v[7].wrapping_add(s1).wrapping_add(choice).wrapping_add(k[t]).wrapping_add(w[t]);
            let s0 = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
            let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
            v.rotate_right(1);
            v[4] = v[4].wrapping_add(one);
            v[0] = one.wrapping_add(s0).wrapping_add(majority);
        }
        for (s, v) in state.iter_mut().zip(v) {
            *s = s.wrapping_add(v);
        }
    }
    state.iter().map(|word| format!("{word:08x}")).collect()
}

#[test]
fn known_hashes() {
    assert_eq!(hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
