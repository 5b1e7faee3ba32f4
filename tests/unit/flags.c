/* cli/flags: the table of flags is parsed, explained, and wrong input is named. */
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "cli/exit_codes.h"
#include "cli/flags.h"

static struct {
    int threads;
    int64_t seed;
    float temperature;
    bool pack, greedy;
    const char *model, *output;
    text_list stops;
    int colour;
} o;

static int parse_colour(void *store, const char *value, error *err) {
    if (strcmp(value, "blue")) return fail(err, RIDGE_E_BAD_ARGUMENT, "\"%s\" is not a colour", value);
    *(int *)store = 7;
    return 0;
}

static const flag flags[] = {
    { "-m --model", "FILE", "the model\nof your choice", .text = &o.model },
    { "-t --threads", "N", "threads", .number = &o.threads, .least = 1, .most = 64 },
    { "-s --seed", "N", "seed", .wide = &o.seed },
    { "--temp --temperature", "T", "temperature", .real = &o.temperature },
};
static const flag more_flags[] = {
    { "--no-pack", NULL, "do not pack", .off = &o.pack },
    { "--greedy", NULL, "greedy", .on = &o.greedy },
    { "-o --output", "FORMAT", "format", .text = &o.output, .choices = "md csv jsonl" },
    { "-r --reverse-prompt", "TEXT", "stop there", .texts = &o.stops },
    { "--colour", "NAME", "colour", .parse = parse_colour, .store = &o.colour },
};
static const command_line line = {
    .usage = "ridge test [flags]", .about = "Tests flags.", .after = "An example.",
    .groups = { FLAG_GROUP("Model", flags), FLAG_GROUP("More", more_flags) },
};

enum { WORDS_MAX = 32 };
static char text[1000];
static char *words[WORDS_MAX];
static int n_rest;
static error err;

/* Parses the words of `arguments`, which are separated by spaces. */
static int parse(const char *arguments) {
    snprintf(text, sizeof text, "test %s", arguments);
    int n = 0;
    for (char *p = strtok(text, " "); p && n < WORDS_MAX; p = strtok(NULL, " ")) words[n++] = p;
    err.text[0] = 0;
    return flags_parse(&line, n, words, &n_rest, &err);
}

static int reset(void **state) {
    (void)state;
    text_list_free(&o.stops);
    memset(&o, 0, sizeof o);
    o.pack = true;
    return 0;
}

static void values_reach_their_places(void **state) {
    (void)state;
    assert_int_equal(parse("one -m a.gguf --threads=3 -s -1 two --temperature 0.5 --no-pack --greedy -o csv -r x --reverse-prompt=-y= --colour blue -"), 0);
    assert_string_equal(o.model, "a.gguf");
    assert_int_equal(o.threads, 3);
    assert_int_equal(o.seed, -1);
    assert_float_equal(o.temperature, 0.5f, 0);
    assert_false(o.pack);
    assert_true(o.greedy);
    assert_string_equal(o.output, "csv");
    assert_int_equal(o.stops.n, 2);
    assert_string_equal(o.stops.items[0], "x");
    assert_string_equal(o.stops.items[1], "-y=");
    assert_int_equal(o.colour, 7);
    assert_int_equal(n_rest, 3);
    assert_string_equal(words[1], "one");
    assert_string_equal(words[2], "two");
    assert_string_equal(words[3], "-");
}

static void flags_end_where_they_are_told_to(void **state) {
    (void)state;
    assert_int_equal(parse("-t 2 -- -t -- x"), 0);
    assert_int_equal(o.threads, 2);
    assert_int_equal(n_rest, 3);
    assert_string_equal(words[1], "-t");
    assert_string_equal(words[2], "--");
}

static void wrong_input_is_named(void **state) {
    (void)state;
    static const struct { const char *arguments, *sentence; } cases[] = {
        { "--thraeds 3",   "unknown flag --thraeds: did you mean --threads?" },
        { "--tmep=3",      "unknown flag --tmep: did you mean --temp?" },
        { "--hlep",        "unknown flag --hlep: did you mean --help?" },
        { "--what-is-it",  "unknown flag --what-is-it: --help lists all" },
        { "-t",            "-t needs a value: -t N" },
        { "-t 0",          "-t takes a whole number from 1 to 64, not \"0\"" },
        { "-t 65",         "-t takes a whole number from 1 to 64, not \"65\"" },
        { "-t 3x",         "-t takes a whole number from 1 to 64, not \"3x\"" },
        { "-s 99999999999999999999", "-s takes a whole number, not \"99999999999999999999\"" },
        { "--temp nan",    "--temp takes a number, not \"nan\"" },
        { "--temp=",       "--temp takes a number, not \"\"" },
        { "--no-pack=1",   "--no-pack takes no value" },
        { "-o cvs",        "-o \"cvs\" is unknown: did you mean csv?" },
        { "-o something",  "-o takes one of: md csv jsonl; not \"something\"" },
        { "--colour red",  "--colour: \"red\" is not a colour" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i].arguments), RIDGE_E_BAD_ARGUMENT);
        assert_string_equal(err.text, cases[i].sentence);
    }
}

static void help_has_every_flag(void **state) {
    (void)state;
    char *help = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&help, &n);
    assert_non_null(out);
    flags_print_help(&line, out);
    assert_int_equal(fclose(out), 0);
    static const char *const parts[] = {
        "usage: ridge test [flags]\n\nTests flags.\n", "\nModel\n", "  -m, --model FILE                the model\n                                  of your choice\n",
        "  --temp, --temperature T ", "\n  -h, --help ", "\nMore\n", "--no-pack ", "one of: md csv jsonl\n", "\nAn example.\n",
    };
    const char *from = help;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        from = strstr(from, parts[i]);
        assert_non_null(from);
    }
    free(help);
}

static void a_list_without_memory_is_an_error(void **state) {
    (void)state;
    memory_fail_nth(1);
    assert_int_equal(parse("-r x"), RIDGE_E_NO_MEMORY);
    memory_fail_nth(0);
}

static void errors_have_exit_codes(void **state) {
    (void)state;
    const error broken = { .code = RIDGE_E_BAD_FILE, .text = "(expected) broken" };
    assert_int_equal(command_end(0, NULL), EXIT_OK);
    assert_int_equal(command_end(FLAGS_HELP, NULL), EXIT_OK);
    assert_int_equal(command_end(RIDGE_E_BAD_FILE, &broken), 2);
    assert_int_equal(exit_code(RIDGE_E_BAD_ARGUMENT), 2);
    assert_int_equal(exit_code(RIDGE_E_IO), 1);
    assert_int_equal(exit_code(RIDGE_E_NOT_FOUND), 3);
    assert_int_equal(exit_code(RIDGE_E_CANCELLED), 130);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_reach_their_places, reset, reset),
        cmocka_unit_test_setup_teardown(flags_end_where_they_are_told_to, reset, reset),
        cmocka_unit_test_setup_teardown(wrong_input_is_named, reset, reset),
        cmocka_unit_test_setup_teardown(help_has_every_flag, reset, reset),
        cmocka_unit_test_setup_teardown(a_list_without_memory_is_an_error, reset, reset),
        cmocka_unit_test(errors_have_exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
