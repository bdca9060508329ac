/* Fourier transforms of LANES real sequences side by side.
 *
 * The passes are those of FFTPACK (Swarztrauber, 1982), in the order in which scipy's pocketfft adds
 * and multiplies, so the bits are scipy's. Before a pass of radix r there are r * l1 transforms of
 * length ido, of which it joins l1 times r; a transform of length n is stored as the real part of
 * bin 0, then real and imaginary parts of the others (the last imaginary one, 0 at even n, left out).
 * Passes of another radix than 2 to 5 do not exist: compiled.py leaves such lengths to scipy.
 */
#define INLINE static inline __attribute__((always_inline))

typedef float Lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define IN(i, c) in[(i) + ido * (k + l1 * (c))]
#define OUT(i, r) out[(i) + ido * ((r) + radix * k)]
/* both = turns of sample c (before the pass) by the angle of bin i; turns [radix - 1, ido - 1] */
#define TURN(re, im, c)                                                                  \
    float cos##c = turns[(c - 1) * (ido - 1) + i - 2], sin##c = turns[(c - 1) * (ido - 1) + i - 1]; \
    Lanes re = cos##c * IN(i - 1, c) + sin##c * IN(i, c), im = cos##c * IN(i, c) - sin##c * IN(i - 1, c)

INLINE void pass2(
    ptrdiff_t ido, ptrdiff_t l1, const Lanes *in, Lanes *out, const float *turns) {
    enum { radix = 2 };
    for (ptrdiff_t k = 0; k < l1; k++) {
        Lanes x = IN(0, 0), y = IN(0, 1);
        OUT(0, 0) = x + y;
        OUT(ido - 1, 1) = x - y;
        if (ido % 2 == 0) {
            OUT(0, 1) = -IN(ido - 1, 1);
            OUT(ido - 1, 0) = IN(ido - 1, 0);
        }
        for (ptrdiff_t i = 2; i < ido; i += 2) {
            TURN(re, im, 1);
            Lanes x0 = IN(i - 1, 0), y0 = IN(i, 0);
            OUT(i - 1, 0) = x0 + re;
            OUT(ido - i - 1, 1) = x0 - re;
            OUT(i, 0) = im + y0;
            OUT(ido - i, 1) = im - y0;
        }
    }
}

INLINE void pass3(
    ptrdiff_t ido, ptrdiff_t l1, const Lanes *in, Lanes *out, const float *turns) {
    enum { radix = 3 };
    const float cosine = -0.5f, sine = 0.86602540378443864676f;
    for (ptrdiff_t k = 0; k < l1; k++) {
        Lanes x0 = IN(0, 0), both = IN(0, 1) + IN(0, 2);
        OUT(0, 2) = sine * (IN(0, 2) - IN(0, 1));
        OUT(0, 0) = x0 + both;
        OUT(ido - 1, 1) = x0 + cosine * both;
        for (ptrdiff_t i = 2; i < ido; i += 2) {
            TURN(re1, im1, 1);
            TURN(re2, im2, 2);
            Lanes re = re1 + re2, im = im1 + im2;
            Lanes x = IN(i - 1, 0) + cosine * re, y = IN(i, 0) + cosine * im;
            Lanes re_across = sine * (im1 - im2), im_across = sine * (re2 - re1);
            OUT(i - 1, 0) = IN(i - 1, 0) + re;
            OUT(i, 0) = IN(i, 0) + im;
            OUT(i - 1, 2) = x + re_across;
            OUT(ido - i - 1, 1) = x - re_across;
            OUT(i, 2) = im_across + y;
            OUT(ido - i, 1) = im_across - y;
        }
    }
}

INLINE void pass4(
    ptrdiff_t ido, ptrdiff_t l1, const Lanes *in, Lanes *out, const float *turns) {
    enum { radix = 4 };
    const float half_root = 0.70710678118654752440f;
    for (ptrdiff_t k = 0; k < l1; k++) {
        Lanes odd = IN(0, 3) + IN(0, 1), even = IN(0, 0) + IN(0, 2);
        OUT(0, 2) = IN(0, 3) - IN(0, 1);
        OUT(ido - 1, 1) = IN(0, 0) - IN(0, 2);
        OUT(0, 0) = even + odd;
        OUT(ido - 1, 3) = even - odd;
        if (ido % 2 == 0) {
            Lanes im = -half_root * (IN(ido - 1, 1) + IN(ido - 1, 3));
            Lanes re = half_root * (IN(ido - 1, 1) - IN(ido - 1, 3));
            OUT(ido - 1, 0) = IN(ido - 1, 0) + re;
            OUT(ido - 1, 2) = IN(ido - 1, 0) - re;
            OUT(0, 3) = im + IN(ido - 1, 2);
            OUT(0, 1) = im - IN(ido - 1, 2);
        }
        for (ptrdiff_t i = 2; i < ido; i += 2) {
            TURN(re1, im1, 1);
            TURN(re2, im2, 2);
            TURN(re3, im3, 3);
            Lanes re_odd = re3 + re1, re_odd_less = re3 - re1;
            Lanes im_odd = im1 + im3, im_odd_less = im1 - im3;
            Lanes re_even = IN(i - 1, 0) + re2, re_even_less = IN(i - 1, 0) - re2;
            Lanes im_even = IN(i, 0) + im2, im_even_less = IN(i, 0) - im2;
            OUT(i - 1, 0) = re_even + re_odd;
            OUT(ido - i - 1, 3) = re_even - re_odd;
            OUT(i, 0) = im_odd + im_even;
            OUT(ido - i, 3) = im_odd - im_even;
            OUT(i - 1, 2) = re_even_less + im_odd_less;
            OUT(ido - i - 1, 1) = re_even_less - im_odd_less;
            OUT(i, 2) = re_odd_less + im_even_less;
            OUT(ido - i, 1) = re_odd_less - im_even_less;
        }
    }
}

INLINE void pass5(
    ptrdiff_t ido, ptrdiff_t l1, const Lanes *in, Lanes *out, const float *turns) {
    enum { radix = 5 };
    const float cosine1 = 0.3090169943749474241f, sine1 = 0.95105651629515357212f;
    const float cosine2 = -0.8090169943749474241f, sine2 = 0.58778525229247312917f;
    for (ptrdiff_t k = 0; k < l1; k++) {
        Lanes x0 = IN(0, 0);
        Lanes outer = IN(0, 4) + IN(0, 1), outer_less = IN(0, 4) - IN(0, 1);
        Lanes inner = IN(0, 3) + IN(0, 2), inner_less = IN(0, 3) - IN(0, 2);
        OUT(0, 0) = x0 + outer + inner;
        OUT(ido - 1, 1) = x0 + cosine1 * outer + cosine2 * inner;
        OUT(0, 2) = sine1 * outer_less + sine2 * inner_less;
        OUT(ido - 1, 3) = x0 + cosine2 * outer + cosine1 * inner;
        OUT(0, 4) = sine2 * outer_less - sine1 * inner_less;
        for (ptrdiff_t i = 2; i < ido; i += 2) {
            TURN(re1, im1, 1);
            TURN(re2, im2, 2);
            TURN(re3, im3, 3);
            TURN(re4, im4, 4);
            Lanes re_outer = re4 + re1, re_outer_less = re4 - re1;
            Lanes im_outer = im1 + im4, im_outer_less = im1 - im4;
            Lanes re_inner = re3 + re2, re_inner_less = re3 - re2;
            Lanes im_inner = im2 + im3, im_inner_less = im2 - im3;
            Lanes x = IN(i - 1, 0), y = IN(i, 0);
            Lanes x1 = x + cosine1 * re_outer + cosine2 * re_inner;
            Lanes y1 = y + cosine1 * im_outer + cosine2 * im_inner;
            Lanes x2 = x + cosine2 * re_outer + cosine1 * re_inner;
            Lanes y2 = y + cosine2 * im_outer + cosine1 * im_inner;
            Lanes re_across1 = im_outer_less * sine1 + im_inner_less * sine2;
            Lanes re_across2 = im_outer_less * sine2 - im_inner_less * sine1;
            Lanes im_across1 = re_outer_less * sine1 + re_inner_less * sine2;
            Lanes im_across2 = re_outer_less * sine2 - re_inner_less * sine1;
            OUT(i - 1, 0) = x + re_outer + re_inner;
            OUT(i, 0) = y + im_outer + im_inner;
            OUT(i - 1, 2) = x1 + re_across1;
            OUT(ido - i - 1, 1) = x1 - re_across1;
            OUT(i, 2) = im_across1 + y1;
            OUT(ido - i, 1) = im_across1 - y1;
            OUT(i - 1, 4) = x2 + re_across2;
            OUT(ido - i - 1, 3) = x2 - re_across2;
            OUT(i, 4) = im_across2 + y2;
            OUT(ido - i, 3) = im_across2 - y2;
        }
    }
}

INLINE void pass(
    ptrdiff_t radix, ptrdiff_t ido, ptrdiff_t l1, const Lanes *in, Lanes *out, const float *turns) {
    switch (radix) {
    case 2: pass2(ido, l1, in, out, turns); break;
    case 3: pass3(ido, l1, in, out, turns); break;
    case 4: pass4(ido, l1, in, out, turns); break;
    case 5: pass5(ido, l1, in, out, turns); break;
    }
}

/* Return the transforms, in one of the two buffers [size]; `data` holds the sequences.
 *
 * `radixes` [passes] are in the order of the passes, `turns` theirs one after the other. The last
 * pass joins `parts` transforms, of every parts-th number each; `data` holds one after the other, so
 * that each is made in the second cache. */
INLINE Lanes *transformed(
    ptrdiff_t size, const ptrdiff_t *radixes, ptrdiff_t passes, const float *turns, Lanes *data,
    Lanes *other) {
    ptrdiff_t parts = radixes[passes - 1], part_size = size / parts;
    const float *own = turns;
    Lanes *in = data, *out = other, *swapped;
    for (ptrdiff_t part = 0; part < parts; part++) {
        ptrdiff_t ido = 1, start = part * part_size;
        own = turns, in = data, out = other;
        for (ptrdiff_t p = 0; p < passes - 1; p++) {
            ptrdiff_t l1 = part_size / ido / radixes[p];
            pass(radixes[p], ido, l1, in + start, out + start, own);
            own += (radixes[p] - 1) * (ido - 1);
            ido *= radixes[p];
            swapped = in, in = out, out = swapped;
        }
    }
    pass(parts, part_size, 1, in, out, own);
    return out;
}

/* out [lanes, bins] = power of the first bins; `lanes` of LANES count */
INLINE void powers(
    ptrdiff_t size, const Lanes *transformed, ptrdiff_t lanes, ptrdiff_t bins, float *out) {
    float tile[TILE][LANES];
    for (ptrdiff_t first = 0; first < bins; first += TILE) {
        ptrdiff_t count = bins - first < TILE ? bins - first : TILE;
        for (ptrdiff_t i = 0; i < count; i++) {
            ptrdiff_t bin = first + i;
            Lanes real = transformed[bin ? 2 * bin - 1 : 0], power = real * real;
            if (bin && 2 * bin < size) power = power + transformed[2 * bin] * transformed[2 * bin];
            *(Lanes *)tile[i] = power;
        }
        for (ptrdiff_t lane = 0; lane < lanes; lane++)
            for (ptrdiff_t i = 0; i < count; i++) out[lane * bins + first + i] = tile[i][lane];
    }
}

#undef IN
#undef OUT
#undef TURN
