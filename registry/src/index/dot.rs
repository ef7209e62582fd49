//! Cosines of unit vectors against several requests at once. A row is read once for all parts of a request, because at
//! tens of thousands of tools the scan is bound by memory. The loop is plain arrays that the compiler turns into vector
//! instructions; on processors with AVX2 it is compiled a second time for them, which is three times as fast and the only
//! unsafe line of the crate.

/// Products of `row` with each vector of `parts`, which stand one after the other, into `products`, one each.
pub(super) fn products(row: &[f32], parts: &[f32], products: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        #[expect(
            unsafe_code,
            reason = "the features that the function is compiled for were found just above"
        )]
        unsafe {
            return products_avx2(row, parts, products);
        }
    }
    products_plain(row, parts, products);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn products_avx2(row: &[f32], parts: &[f32], products: &mut [f32]) {
    each(row, parts, products, |a, b, c| a.mul_add(b, c));
}

fn products_plain(row: &[f32], parts: &[f32], products: &mut [f32]) {
    each(row, parts, products, |a, b, c| a * b + c);
}

/// Four parts at a time share each load of the row; the rest one by one.
#[inline(always)]
fn each(
    row: &[f32],
    parts: &[f32],
    products: &mut [f32],
    add: impl Fn(f32, f32, f32) -> f32 + Copy,
) {
    let dims = row.len();
    let mut parts = parts.chunks_exact(dims.max(1));
    let (fours, rest) = products.as_chunks_mut::<4>();
    for four in fours {
        let (Some(a), Some(b), Some(c), Some(d)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return;
        };
        *four = together(row, [a, b, c, d], add);
    }
    for (one, part) in rest.iter_mut().zip(parts) {
        [*one] = together(row, [part], add);
    }
}

#[inline(always)]
fn together<const N: usize>(
    row: &[f32],
    parts: [&[f32]; N],
    add: impl Fn(f32, f32, f32) -> f32,
) -> [f32; N] {
    const LANES: usize = 16;
    let (row_chunks, row_rest) = row.as_chunks::<LANES>();
    let part_chunks = parts.map(|part| part[..row.len()].as_chunks::<LANES>());
    let mut sums = [[0f32; LANES]; N];
    for (at, r) in row_chunks.iter().enumerate() {
        for n in 0..N {
            let p = &part_chunks[n].0[at];
            for lane in 0..LANES {
                sums[n][lane] = add(r[lane], p[lane], sums[n][lane]);
            }
        }
    }
    std::array::from_fn(|n| {
        let rest: f32 = row_rest
            .iter()
            .zip(part_chunks[n].1)
            .map(|(r, p)| r * p)
            .sum();
        sums[n].iter().sum::<f32>() + rest
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_sum_it_stands_for() {
        for dims in [1, 16, 37, 384] {
            let value = |seed: usize| ((seed * 2_654_435_761) % 1000) as f32 / 500.0 - 1.0;
            let row: Vec<f32> = (0..dims).map(value).collect();
            for count in [0, 1, 4, 7, 13] {
                let parts: Vec<f32> = (0..dims * count).map(|i| value(i + 11)).collect();
                let mut found = vec![0.0; count];
                products(&row, &parts, &mut found);
                for (n, found) in found.iter().enumerate() {
                    let exact: f64 = row
                        .iter()
                        .zip(&parts[n * dims..])
                        .map(|(a, b)| f64::from(*a) * f64::from(*b))
                        .sum();
                    assert!(
                        (f64::from(*found) - exact).abs() < 1e-4,
                        "{dims} {count} {n}"
                    );
                }
            }
        }
    }
}
