/* Passes over arrays that numpy makes in several steps; detector/kernels/reference.py has the same
 * in numpy, and what each is for.
 *
 * Each number is selected, compared, added or multiplied in the reference's order, and never fused
 * (-ffp-contract=off), so both give the same bits on every processor. LANES, TILE, BLOCK, MOST_RANKED,
 * SIDE and WAVES are defined in library.py. Other sizes come from compiled.py, which checks them.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* One copy of a loop for each width of vectors; the loader chooses. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(PLAIN)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif
#ifndef SOURCES /* their digest */
#error "compile it with python -m deploy.build_kernels"
#endif
const char *const earmark_sources = SOURCES;
#include "transform.h"

static inline float larger(float a, float b) { return a > b ? a : b; }
static inline float smaller(float a, float b) { return a < b ? a : b; }

/* Lay every `parts`-th number less `mean`, times the window, into one lane of several. */
static inline void lay(const float *numbers, const float *window, float mean, ptrdiff_t parts,
                       ptrdiff_t count, ptrdiff_t lanes, float *out) {
    for (ptrdiff_t i = 0; i < count; i++)
        out[i * lanes] = (numbers[i * parts] - mean) * window[i * parts];
}

/* out [rows, bins] = power spectra of frames of samples, `hop` apart, times a window [size]
 *
 * `scratch` [2, size, LANES] is for the transforms, which transform.h describes. */
WIDE void earmark_power_spectra(const float *samples, ptrdiff_t rows, ptrdiff_t hop, ptrdiff_t size,
                                const float *window, const ptrdiff_t *radixes, ptrdiff_t passes,
                                const float *turns, float *scratch, ptrdiff_t bins, float *out) {
    ptrdiff_t parts = radixes[passes - 1], each = size / parts;
    for (ptrdiff_t row = 0; row < rows; row += LANES) {
        ptrdiff_t lanes = rows - row < LANES ? rows - row : LANES;
        for (ptrdiff_t part = 0; part < parts; part++)
            for (ptrdiff_t at = 0; at < each; at += TILE)
                for (ptrdiff_t lane = 0; lane < LANES; lane++) { /* idle lanes repeat the last row */
                    ptrdiff_t own = row + (lane < lanes ? lane : lanes - 1);
                    ptrdiff_t count = each - at < TILE ? each - at : TILE, i = part + at * parts;
                    lay(samples + own * hop + i, window + i, 0, parts, count, LANES,
                        scratch + (part * each + at) * LANES + lane);
                }
        Lanes *data = (Lanes *)scratch;
        data = transformed(size, radixes, passes, turns, data, data + size);
        powers(size, data, lanes, bins, out + row * bins);
    }
}

/* out [rows, bins] = power spectra of rows [size] less their means, times a window; a row is a row of
 * `first` [rows, size / 2], then of `second`. `scratch` [2, size, LANES] is for the transforms. */
WIDE void earmark_segment_power(const float *first, const float *second, ptrdiff_t rows,
                                ptrdiff_t size, const float *means, const float *window,
                                const ptrdiff_t *radixes, ptrdiff_t passes, const float *turns,
                                float *scratch, ptrdiff_t bins, float *out) {
    ptrdiff_t parts = radixes[passes - 1], each = size / parts, half = size / 2;
    for (ptrdiff_t row = 0; row < rows; row += LANES) {
        ptrdiff_t lanes = rows - row < LANES ? rows - row : LANES;
        for (ptrdiff_t part = 0; part < parts; part++)
            for (ptrdiff_t at = 0; at < each; at += TILE) /* a half is whole tiles, or one */
                for (ptrdiff_t lane = 0; lane < LANES; lane++) {
                    ptrdiff_t own = row + (lane < lanes ? lane : lanes - 1);
                    ptrdiff_t count = each - at < TILE ? each - at : TILE, i = part + at * parts;
                    const float *numbers = i < half ? first + own * half + i
                                                    : second + own * half + i - half;
                    lay(numbers, window + i, means[own], parts, count, LANES,
                        scratch + (part * each + at) * LANES + lane);
                }
        Lanes *data = (Lanes *)scratch;
        data = transformed(size, radixes, passes, turns, data, data + size);
        powers(size, data, lanes, bins, out + row * bins);
    }
}

/* counts [count] += 1 where the middle of the `width` numbers from there on is the largest, above 0 */
WIDE void earmark_count_maxima(const float *row, ptrdiff_t count, ptrdiff_t width, int32_t *counts) {
    float most[2 * BLOCK];
    for (ptrdiff_t first = 0; first < count; first += BLOCK) {
        ptrdiff_t size = count - first < BLOCK ? count - first : BLOCK;
        ptrdiff_t held = size + width - 1, span = 1;
        const float *near = row + first + width / 2;
        memcpy(most, row + first, held * sizeof(float));
        for (; 2 * span <= width; span *= 2) {
            held -= span;
            for (ptrdiff_t i = 0; i < held; i++) most[i] = larger(most[i], most[i + span]);
        }
        for (ptrdiff_t i = 0; i < size; i++) {
            float highest = larger(most[i], most[i + width - span]);
            counts[first + i] += (near[i] == highest) & (near[i] > 0);
        }
    }
}

/* out [rows, ranges] = largest number of each row from starts[k] to before starts[k + 1] */
WIDE void earmark_range_maxima(const float *values, ptrdiff_t rows, ptrdiff_t length,
                               const ptrdiff_t *starts, ptrdiff_t ranges, float *out) {
    for (ptrdiff_t row = 0; row < rows; row++) {
        const float *own = values + row * length;
        for (ptrdiff_t k = 0; k < ranges; k++) {
            float most = own[starts[k]];
            for (ptrdiff_t i = starts[k] + 1; i < starts[k + 1]; i++) most = larger(most, own[i]);
            out[row * ranges + k] = most;
        }
    }
}

/* out [filters, count] = power of each filter and `floor`; sample i is row i / phases of phase
 * i % phases in parts [phases, rows, cosines then sines]. `levels` [TILE, filters] is for what is
 * laid the other way round, a few samples at a time. */
WIDE void earmark_filter_power(const float *parts, ptrdiff_t phases, ptrdiff_t rows,
                               ptrdiff_t filters, ptrdiff_t count, float floor, float *levels,
                               float *out) {
    for (ptrdiff_t first = 0; first < count; first += TILE) {
        ptrdiff_t size = count - first < TILE ? count - first : TILE;
        for (ptrdiff_t i = 0; i < size; i++) {
            ptrdiff_t phase = (first + i) % phases, row = (first + i) / phases;
            const float *cosines = parts + (phase * rows + row) * 2 * filters;
            const float *sines = cosines + filters;
            float *own = levels + i * filters;
            for (ptrdiff_t k = 0; k < filters; k++)
                own[k] = cosines[k] * cosines[k] + sines[k] * sines[k] + floor;
        }
        for (ptrdiff_t k = 0; k < filters; k++)
            for (ptrdiff_t i = 0; i < size; i++)
                out[k * count + first + i] = levels[i * filters + k];
    }
}

/* Put `values` into the lists: of each lane the largest numbers so far, falling, after infinity. */
static inline void insert(float (*lists)[SIDE], int most, const float *values) {
    for (int i = most; i > 0; i--)
        for (int lane = 0; lane < SIDE; lane++)
            lists[i][lane] = smaller(lists[i - 1][lane], larger(lists[i][lane], values[lane]));
}

/* out [count] = the `most`-th largest of each `width` neighbours of padded
 *
 * A window is the end of one stretch of `width` numbers and the beginning of the next. Of each end
 * the largest numbers are made ready, in `ends` [width, most + 1, SIDE]; those of the beginning grow
 * as the window moves. The most-th largest of both together is the largest, over all ways to take so
 * many from them, of the smallest one taken. Sixteen stretches are done at once. padded [stretches *
 * width + width] and out [stretches * width] have room for whole sixteens. */
WIDE void earmark_rank(const float *padded, ptrdiff_t count, ptrdiff_t width, int most, float *ends,
                       float *out) {
    float lists[MOST_RANKED + 1][SIDE], values[SIDE];
    for (ptrdiff_t first = 0; first < count; first += SIDE * width) {
        for (int i = 0; i <= most; i++)
            for (int lane = 0; lane < SIDE; lane++) lists[i][lane] = i ? -INFINITY : INFINITY;
        for (ptrdiff_t j = width - 1; j >= 0; j--) {
            for (int lane = 0; lane < SIDE; lane++) values[lane] = padded[first + lane * width + j];
            insert(lists, most, values);
            memcpy(ends + j * (most + 1) * SIDE, lists, (most + 1) * sizeof *lists);
        }
        for (int i = 1; i <= most; i++)
            for (int lane = 0; lane < SIDE; lane++) lists[i][lane] = -INFINITY;
        for (ptrdiff_t j = 0; j < width; j++) {
            if (j) {
                const float *next = padded + first + width + j - 1;
                for (int lane = 0; lane < SIDE; lane++) values[lane] = next[lane * width];
                insert(lists, most, values);
            }
            const float *end = ends + j * (most + 1) * SIDE;
            for (int lane = 0; lane < SIDE; lane++) values[lane] = -INFINITY;
            for (int i = 0; i <= most; i++)
                for (int lane = 0; lane < SIDE; lane++)
                    values[lane] = larger(values[lane],
                                          smaller(end[i * SIDE + lane], lists[most - i][lane]));
            for (int lane = 0; lane < SIDE; lane++) out[first + lane * width + j] = values[lane];
        }
    }
}

/* totals [TILE, lanes] of `count` columns from places on; a place has the `lanes` rows of heights */
static inline void comb_tile(const float *heights, const int32_t *places, ptrdiff_t lines,
                             ptrdiff_t columns, ptrdiff_t count, ptrdiff_t lanes, float *totals) {
    for (ptrdiff_t i = 0; i < count * lanes; i++) totals[i] = 0;
    for (ptrdiff_t line = 0; line < lines; line++)
        for (ptrdiff_t i = 0; i < count; i++) {
            const float *own = heights + places[line * columns + i] * lanes;
            for (ptrdiff_t lane = 0; lane < lanes; lane++) totals[i * lanes + lane] += own[lane];
        }
}

/* out [columns, lanes] = sums of heights [bins, lanes] at places [lines, columns]; lanes: 1, or LANES */
WIDE void earmark_comb_sums(const float *heights, const int32_t *places, ptrdiff_t lines,
                            ptrdiff_t columns, ptrdiff_t lanes, float *out) {
    for (ptrdiff_t first = 0; first < columns; first += TILE) {
        ptrdiff_t count = columns - first < TILE ? columns - first : TILE;
        if (lanes == LANES)
            comb_tile(heights, places + first, lines, columns, count, LANES, out + first * LANES);
        else
            comb_tile(heights, places + first, lines, columns, count, 1, out + first);
    }
}

/* sums [orders], counts [orders] of heights [bins] at fractions of hz; reference.py has which */
void earmark_fraction_sums(const float *heights, ptrdiff_t bins, double hz, double bin_hz,
                           double low_hz, double high_hz, const int64_t *orders,
                           const int64_t *many, ptrdiff_t n, const int64_t *multiples, double *sums,
                           int64_t *counts) {
    for (ptrdiff_t order = 0; order < n; order++) {
        double step = hz / (double)orders[order], sum = 0;
        int64_t count = 0;
        for (int64_t i = 0; i < many[order]; i++) {
            double at = (double)multiples[i] * step;
            if (at >= high_hz) break; /* multiples rise */
            if (at < low_hz) continue;
            ptrdiff_t bin = (ptrdiff_t)nearbyint(at / bin_hz);
            if (bin >= bins || isnan(heights[bin])) continue;
            sum += heights[bin];
            count++;
        }
        multiples += many[order];
        sums[order] = sum;
        counts[order] = count;
    }
}

/* out [rows, count, bins, 2] = sums over blocks of ours [rows, blocks, bins] times the conjugates of
 * templates [count, blocks, bins]: some bins of each template with all rows, then of the next one.
 * There are SIDE bins or more; the last ones are done twice where they are no whole SIDE. */
WIDE void earmark_correlated(const float *real, const float *imaginary, ptrdiff_t rows,
                             const float *their_real, const float *their_imaginary, ptrdiff_t count,
                             ptrdiff_t blocks, ptrdiff_t bins, float *out) {
    for (ptrdiff_t first = 0; first < bins; first += WAVES) {
        ptrdiff_t end = bins - first < WAVES ? bins : first + WAVES;
        for (ptrdiff_t n = 0; n < count; n++)
            for (ptrdiff_t row = 0; row < rows; row++)
                for (ptrdiff_t next = first; next < end; next += SIDE) {
                    ptrdiff_t at = bins - next < SIDE ? bins - SIDE : next;
                    float re[SIDE] = {0}, im[SIDE] = {0};
                    for (ptrdiff_t block = 0; block < blocks; block++) {
                        ptrdiff_t own = (row * blocks + block) * bins + at;
                        ptrdiff_t their = (n * blocks + block) * bins + at;
                        const float *a = real + own, *b = imaginary + own;
                        const float *c = their_real + their, *d = their_imaginary + their;
                        for (int i = 0; i < SIDE; i++) {
                            re[i] = (re[i] + a[i] * c[i]) + b[i] * d[i];
                            im[i] = (im[i] + b[i] * c[i]) - a[i] * d[i];
                        }
                    }
                    float *to = out + ((row * count + n) * bins + at) * 2;
                    for (int i = 0; i < SIDE; i++) {
                        to[2 * i] = re[i];
                        to[2 * i + 1] = im[i];
                    }
                }
    }
}
