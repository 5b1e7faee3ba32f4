/* Rotary frequencies and angles by our own series, against libm in long double. */
#include "test.h"
#include <math.h>
#include <stdio.h>
#include "plan/rotary.h"

static rope_config pairs(uint32_t n_rotated, float base) {
    return (rope_config){ .head_size = n_rotated, .n_rotated = n_rotated, .base = base, .linear_scale = 1, .factors = NONE };
}

static void frequencies_are_powers_of_the_base(void **state) {
    (void)state;
    const float bases[] = { 1, 2, 100, 10000, 160000, 500000, 1e6f, 5e6f, 1e9f, 1e12f };
    for (size_t b = 0; b < sizeof bases / sizeof *bases; b++)
        for (uint32_t n = 2; n <= 512; n += n < 64 ? 2 : 64) {
            double frequency[256];
            const rope_config rope = pairs(n, bases[b]);
            rotary_frequencies(&rope, NULL, frequency);
            for (uint32_t i = 0; i < n / 2; i++) {
                const long double expected = powl((long double)bases[b], -2.0L * i / n);
                assert_true(fabsl(frequency[i] / expected - 1) < 1e-14L);
            }
            assert_true(frequency[0] == 1);
        }
}

static void factors_divide_and_the_scale_multiplies(void **state) {
    (void)state;
    double plain[32], changed[32];
    float factors[32];
    rope_config rope = pairs(64, 500000);
    for (int i = 0; i < 32; i++) factors[i] = 1 + (float)i / 4;
    rotary_frequencies(&rope, NULL, plain);
    rope.linear_scale = 0.125f;
    rotary_frequencies(&rope, factors, changed);
    for (int i = 0; i < 32; i++) assert_true(fabs(changed[i] - plain[i] / (double)factors[i] / 8) <= 1e-15 * plain[i]);
}

/* The header promises 1e-7 for angles up to 2^24. */
static void angles_are_near_to_libm(void **state) {
    (void)state;
    const float bases[] = { 10000, 500000, 1e6f, 3.3f };
    uint64_t seed = 88172645463325252u;
    double worst = 0;
    for (size_t b = 0; b < sizeof bases / sizeof *bases; b++) {
        double frequency[64];
        float cosine[64], sine[64];
        const rope_config rope = pairs(128, bases[b]);
        rotary_frequencies(&rope, NULL, frequency);
        for (int i = 0; i < 20000; i++) {
            seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
            const uint32_t position = i < 5000 ? (uint32_t)i : (uint32_t)(seed % ((1u << 24) + 1) >> seed / 7 % 20);
            rotary_angles(frequency, 64, position, cosine, sine);
            for (int k = 0; k < 64; k++) {
                const long double angle = (long double)position * frequency[k];
                const double c = (double)fabsl(cosl(angle) - cosine[k]), s = (double)fabsl(sinl(angle) - sine[k]);
                if (c > worst) worst = c;
                if (s > worst) worst = s;
            }
        }
    }
    print_message("largest error %.3g\n", worst);
    assert_true(worst < 1e-7);
}

/* Angles at multiples of pi/4 and next to them: where the quarter turn is chosen and where cosine and sine nearly vanish. */
static void quarter_turns_are_chosen_rightly(void **state) {
    (void)state;
    for (int n = 0; n < 4000; n++)
        for (int nudge = -2; nudge <= 2; nudge++) {
            const double angle = fabs(n * 0.7853981633974483 + nudge * 1e-9);
            float c, s;
            rotary_angles(&angle, 1, 1, &c, &s);
            assert_true(fabs((double)c - cos(angle)) < 1e-7);
            assert_true(fabs((double)s - sin(angle)) < 1e-7);
        }
    float c, s;
    const double one = 1;
    rotary_angles(&one, 1, 0, &c, &s);
    assert_true(c == 1 && s == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frequencies_are_powers_of_the_base),
        cmocka_unit_test(factors_divide_and_the_scale_multiplies),
        cmocka_unit_test(angles_are_near_to_libm),
        cmocka_unit_test(quarter_turns_are_chosen_rightly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
