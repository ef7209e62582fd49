//! The vectors of a catalog once more, in a byte per entry and side by side, for catalogs that no longer fit the
//! processor's caches: a scan is then bound by memory, and this is a quarter of it in one piece. Its cosines are within a
//! thousandth of the exact ones, which decides who is looked at; who is shown, and in what order, the exact ones decide.

use crate::document::DocumentHash;
use crate::vectors::Vector;

/// Largest code of a row.
const ROW_SCALE: f32 = 127.0;
/// Largest code of a request: small enough that a sum of products fits 32 bits up to four thousand entries.
const PART_SCALE: f32 = 4_095.0;

/// The codes of all rows.
#[derive(Debug)]
pub(super) struct Codes {
    dims: usize,
    codes: Vec<i8>,
    /// What a row's codes are multiplied with; not a number for a row without a vector.
    scales: Vec<f32>,
}

/// A request's vectors as codes.
pub(super) struct Parts {
    codes: Vec<i16>,
    scales: Vec<f32>,
}

impl Codes {
    pub(super) fn of(rows: &[(DocumentHash, Option<Vector>)]) -> Codes {
        let dims = rows
            .iter()
            .find_map(|(_, vector)| vector.as_ref())
            .map_or(0, |vector| vector.len());
        let mut codes = Vec::with_capacity(rows.len() * dims);
        let mut scales = Vec::with_capacity(rows.len());
        for (_, vector) in rows {
            match vector {
                Some(vector) => {
                    let scale = scale(vector, ROW_SCALE);
                    codes.extend(vector.iter().map(|entry| (entry / scale).round() as i8));
                    scales.push(scale);
                }
                None => {
                    codes.resize(codes.len() + dims, 0);
                    scales.push(f32::NAN);
                }
            }
        }
        Codes {
            dims,
            codes,
            scales,
        }
    }

    /// Cosines of a row with each of `parts`, into `products`.
    pub(super) fn products(&self, row: usize, parts: &Parts, products: &mut [f32]) {
        let codes = &self.codes[row * self.dims..(row + 1) * self.dims];
        let each = parts
            .codes
            .chunks_exact(self.dims.max(1))
            .zip(&parts.scales);
        for ((part, scale), product) in each.zip(products) {
            *product = sum(codes, part) as f32 * scale * self.scales[row];
        }
    }
}

impl Parts {
    pub(super) fn of(parts: &[&[f32]]) -> Parts {
        let scales: Vec<f32> = parts.iter().map(|part| scale(part, PART_SCALE)).collect();
        let coded = parts.iter().zip(&scales);
        let codes = coded
            .flat_map(|(part, scale)| part.iter().map(move |entry| (entry / scale).round() as i16));
        Parts {
            codes: codes.collect(),
            scales,
        }
    }
}

/// What the largest code stands for, divided by that code.
fn scale(vector: &[f32], code_max: f32) -> f32 {
    vector
        .iter()
        .fold(f32::MIN_POSITIVE, |most, entry| most.max(entry.abs()))
        / code_max
}

fn sum(row: &[i8], part: &[i16]) -> i32 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(
            unsafe_code,
            reason = "the feature that the function is compiled for was found just above"
        )]
        unsafe {
            return sum_avx2(row, part);
        }
    }
    sum_plain(row, part)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sum_avx2(row: &[i8], part: &[i16]) -> i32 {
    sum_plain(row, part)
}

#[inline(always)]
fn sum_plain(row: &[i8], part: &[i16]) -> i32 {
    row.iter()
        .zip(part)
        .map(|(r, p)| i32::from(*r) * i32::from(*p))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_are_within_a_thousandth() {
        let dims = 384;
        let unit = |seed: usize| -> Vec<f32> {
            let raw: Vec<f32> = (0..dims)
                .map(|at| ((seed * 7_919 + at * 104_729) % 1_009) as f32 / 504.0 - 1.0)
                .collect();
            let length = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
            raw.iter().map(|x| x / length).collect()
        };
        let mut rows: Vec<(DocumentHash, Option<Vector>)> = (0..50)
            .map(|seed| (DocumentHash([0; 32]), Some(unit(seed).into())))
            .collect();
        rows.push((DocumentHash([0; 32]), None));
        let codes = Codes::of(&rows);
        let requests = [unit(3), unit(70), unit(71)];
        let parts: Vec<&[f32]> = requests.iter().map(Vec::as_slice).collect();
        let coded = Parts::of(&parts);
        for (row, (_, vector)) in rows.iter().enumerate() {
            let mut products = [0.0; 3];
            codes.products(row, &coded, &mut products);
            let Some(vector) = vector else {
                assert!(products.iter().all(|product| product.is_nan()));
                continue;
            };
            for (product, request) in products.iter().zip(&requests) {
                let exact: f32 = vector.iter().zip(request).map(|(a, b)| a * b).sum();
                assert!((product - exact).abs() < 1e-3, "{product} {exact}");
            }
        }
    }
}
