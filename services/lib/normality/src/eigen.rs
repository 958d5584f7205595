//! Leading eigenvectors.

use ndarray::{Array2, ArrayView1};

/// Leading eigenvectors of a positive symmetric matrix by orthogonal iteration.
pub(crate) fn leading_eigenvectors(matrix: Array2<f32>, count: usize) -> Vec<ndarray::Array1<f32>> {
    let n = matrix.nrows();
    let count = count.min(n.saturating_sub(1));
    // any start will do that is no eigenvector by accident
    let mut basis = Array2::from_shape_fn((n, count), |(i, j)| {
        ((i * 7919 + j * 104_729) % 1000) as f32 - 500.0
    });
    for _ in 0..30 {
        basis = matrix.dot(&basis);
        orthonormalise(&mut basis);
    }
    basis.columns().into_iter().map(|c| c.to_owned()).collect()
}

/// Gram-Schmidt, twice for rounding.
fn orthonormalise(basis: &mut Array2<f32>) {
    for j in 0..basis.ncols() {
        for _ in 0..2 {
            for k in 0..j {
                let (done, column) = (basis.column(k).to_owned(), basis.column(j).to_owned());
                let overlap = done.dot(&column);
                basis.column_mut(j).assign(&(column - done * overlap));
            }
        }
        let norm = norm(basis.column(j));
        basis.column_mut(j).mapv_inplace(|v| v / norm.max(f32::MIN_POSITIVE));
    }
}

fn norm(vector: ArrayView1<'_, f32>) -> f32 {
    vector.dot(&vector).sqrt()
}
