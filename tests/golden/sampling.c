/* Sampling against numpy, libllama and transformers: the same candidates, the same probabilities. */
#include "test.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vectors.h"
#include "engine/candidates.h"

enum { VOCABULARY_MAX = 1000, VECTORS_MAX = 8, HISTORY_MAX = 4096 };

typedef struct { char name[32]; float logits[VOCABULARY_MAX]; size_t n; } logit_vector;
static logit_vector vectors[VECTORS_MAX];
static size_t n_vectors, n_cases;
static FILE *cases;

static const logit_vector *find_vector(const char *name) {
    for (size_t i = 0; i < n_vectors; i++)
        if (!strcmp(vectors[i].name, name)) return &vectors[i];
    return NULL;
}

static void read_vector(json_t *line) {
    assert_true(n_vectors < VECTORS_MAX);
    logit_vector *v = &vectors[n_vectors++];
    snprintf(v->name, sizeof v->name, "%s", json_string_value(json_object_get(line, "vector")));
    json_t *logits = json_object_get(line, "logits");
    v->n = json_array_size(logits);
    assert_true(v->n > 0 && v->n <= VOCABULARY_MAX);
    for (size_t i = 0; i < v->n; i++) v->logits[i] = (float)json_number_value(json_array_get(logits, i));
}

static double argument(json_t *step, const char *name) {
    json_t *value = json_object_get(json_array_get(step, 1), name);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* Biases and penalties work on all logits, before anything is dropped: true where the step was one of them. */
static bool change_logits(json_t *step, json_t *history, float *logits, size_t n) {
    const char *name = json_string_value(json_array_get(step, 0));
    if (!strcmp(name, "logit_bias")) {
        json_t *biases = json_object_get(json_array_get(step, 1), "bias");
        for (size_t i = 0; i < json_array_size(biases); i++) {
            json_t *bias = json_array_get(biases, i);
            logits[json_integer_value(json_array_get(bias, 0))] += (float)json_number_value(json_array_get(bias, 1));
        }
        return true;
    }
    if (strcmp(name, "penalties")) return false;
    static int32_t tokens[HISTORY_MAX];
    static uint16_t count[VOCABULARY_MAX];
    const size_t all = json_array_size(history);
    assert_true(all <= HISTORY_MAX);
    for (size_t i = 0; i < all; i++) tokens[i] = (int32_t)json_integer_value(json_array_get(history, i));
    const double last = argument(step, "last_n");
    const size_t seen = last < 0 || last > (double)all ? all : (size_t)last;
    const penalty amount = { argument(step, "repeat"), argument(step, "frequency"), argument(step, "presence") };
    penalize(logits, n, tokens + all - seen, seen, amount, count);
    for (size_t i = 0; i < n; i++) assert_int_equal(count[i], 0);
    return true;
}

static void filter(json_t *step, candidates *c) {
    const char *name = json_string_value(json_array_get(step, 0));
    if (!strcmp(name, "temperature"))              candidates_temperature(c, argument(step, "t"));
    else if (!strcmp(name, "top_k"))               candidates_top_k(c, (int64_t)argument(step, "k"));
    else if (!strcmp(name, "top_p"))               candidates_top_p(c, argument(step, "p"));
    else if (!strcmp(name, "min_p"))               candidates_min_p(c, argument(step, "p"));
    else if (!strcmp(name, "typical_p"))           candidates_typical_p(c, argument(step, "p"));
    else if (!strcmp(name, "top_n_sigma"))         candidates_top_n_sigma(c, argument(step, "n"));
    else if (!strcmp(name, "dynamic_temperature"))
        candidates_dynamic_temperature(c, argument(step, "t"), argument(step, "delta"), argument(step, "exponent"));
    else fail_msg("unknown step %s", name);
}

static void check_case(json_t *line, size_t number) {
    const logit_vector *v = find_vector(json_string_value(json_object_get(line, "vector")));
    assert_non_null(v);
    static float logits[VOCABULARY_MAX];
    static candidate item[VOCABULARY_MAX];
    memcpy(logits, v->logits, sizeof logits);
    json_t *chain = json_object_get(line, "chain"), *wanted = json_object_get(line, "candidates");
    size_t next = 0;
    while (next < json_array_size(chain) && change_logits(json_array_get(chain, next), json_object_get(line, "history"), logits, v->n)) next++;
    candidates c = { .item = item };
    candidates_fill(&c, logits, NULL, v->n, 0);
    for (; next < json_array_size(chain); next++) filter(json_array_get(chain, next), &c);
    candidates_sort(&c);
    candidates_probabilities(&c);
    const char *note = json_string_value(json_object_get(line, "note"));
    if (c.n != (size_t)json_integer_value(json_object_get(line, "n"))) fail_msg("line %zu, %s: %zu candidates", number, note, c.n);
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        json_t *pair = json_array_get(wanted, i);
        if (c.item[i].id != json_integer_value(json_array_get(pair, 0))) fail_msg("line %zu, %s: candidate %zu is %d", number, note, i, c.item[i].id);
        const double off = fabs(c.item[i].p - json_number_value(json_array_get(pair, 1)));
        if (!(off <= 1e-5)) fail_msg("line %zu, %s: candidate %zu is off by %g", number, note, i, off);
    }
}

static void every_case_agrees(void **state) {
    (void)state;
    char *text = NULL;
    size_t room = 0, number = 0;
    while (getline(&text, &room, cases) > 0) {
        json_error_t e;
        json_t *line = json_loads(text, 0, &e);
        if (!line) fail_msg("line %zu: %s", number + 1, e.text);
        number++;
        if (json_object_get(line, "logits")) read_vector(line);
        else { check_case(line, number); n_cases++; }
        json_decref(line);
    }
    free(text);
    assert_true(n_vectors >= 4 && n_cases >= 200);
    print_message("%zu cases\n", n_cases);
}

int main(void) {
    const char *path = vectors_path("sampling.jsonl");
    cases = path ? fopen(path, "r") : NULL;
    if (!cases) {
        printf("skipped: sampling.jsonl is not there (RIDGE_VECTORS names the folder of the reference vectors)\n");
        return 77;
    }
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_case_agrees) };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fclose(cases);
    return failed;
}
