"""All jitted code. Imports numba and numpy only.

Every problem's kernels share four signatures, so that one trajectory kernel and one
loop over batches serve them all (`data` is the problem's tuple of arrays and numbers, `batch`
the int64 indices of the batch's examples)::

    loss(w, batch, data) -> float
    gradient(w, batch, data, out)
    hessian_vector(w, batch, data, v, out)
    third_derivative(w, batch, data, u, v, out)
"""
