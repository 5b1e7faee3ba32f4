/* cli/reference and cli/hub: what names of models mean, and where they lead on this machine. */
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buffer.h"
#include "base/files.h"
#include "base/memory.h"
#include "cli/hub.h"
#include "cli/reference.h"
#include "cli/store.h"

static void references_are_told_from_other_names(void **state) {
    (void)state;
    reference r;
    assert_true(reference_parse("user/Repo-1.5_x:Q4_K_M", &r));
    assert_string_equal(r.repo, "user/Repo-1.5_x");
    assert_string_equal(r.quant, "Q4_K_M");
    assert_true(reference_parse("user/repo", &r));
    assert_string_equal(r.quant, "");
    static const char *const others[] = { "", "repo", "/repo", "user/", "./repo", "user/.repo", "a/b/c", "user/repo:", "us er/repo", "user/re..po", "../x", "user/repo?x" };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) assert_false(reference_parse(others[i], &r));
}

static void a_quant_selects_whole_words_in_any_case(void **state) {
    (void)state;
    assert_true(reference_matches("dir/Model-Q4_K_M.gguf", "q4_k_m"));
    assert_true(reference_matches("model.q8_0.gguf", "Q8_0"));
    assert_true(reference_matches("Q4_0/model-00001-of-00002.gguf", "Q4_0"));
    assert_true(reference_matches("dir/Model-Q4_K_M.gguf", "Model-Q4_K_M.gguf"));
    assert_false(reference_matches("Model-Q4_K_M.gguf", "Q4_K"));
    assert_false(reference_matches("Model-IQ4_XS.gguf", "Q4_XS"));
    assert_false(reference_matches("Model-Q4_0_4_4.gguf", "Q4_0"));
    assert_false(reference_matches("Model-BF16.gguf", "F16"));
    assert_false(reference_matches("Model.gguf", ""));
    char quant[REFERENCE_ROOM];
    assert_true(reference_quant("x/Model-BF16-00001-of-00002.gguf", quant));
    assert_string_equal(quant, "BF16");
    assert_true(reference_quant("model.q4_1.gguf", quant));
    assert_string_equal(quant, "q4_1");
    assert_true(reference_quant("Model-UD-IQ2_XXS.gguf", quant));
    assert_string_equal(quant, "IQ2_XXS");
    assert_false(reference_quant("Qwen-0.5B.gguf", quant));
}

static void one_file_of_a_repository_is_chosen(void **state) {
    (void)state;
    static const char *const files[] = { "mmproj-F16.gguf", "imatrix.gguf", "README.md", "M-Q8_0.gguf", "M-Q4_K_M.gguf", "F16/M-F16-00002-of-00002.gguf", "F16/M-F16-00001-of-00002.gguf" };
    assert_int_equal(reference_choose(files, 7, ""), 4);
    assert_int_equal(reference_choose(files, 4, ""), 3);
    assert_int_equal(reference_choose(files, 3, ""), -1);
    assert_int_equal(reference_choose(files, 7, "q8_0"), 3);
    assert_int_equal(reference_choose(files, 7, "F16"), 6);
    assert_int_equal(reference_choose(files, 7, "Q2_K"), -1);
    unsigned part, parts;
    assert_true(reference_split(files[5], &part, &parts));
    assert_int_equal(part, 2);
    assert_int_equal(parts, 2);
    char name[] = "M-00002-of-00003.gguf";
    reference_split_part(name, 3);
    assert_string_equal(name, "M-00003-of-00003.gguf");
    assert_false(reference_split("M-00000-of-00002.gguf", &part, &parts));
    assert_false(reference_split("M-00003-of-00002.gguf", &part, &parts));
    assert_false(reference_split("-00001-of-00002.gguf", &part, &parts));
}

static void paths_from_the_network_stay_below_their_directory(void **state) {
    (void)state;
    static const char *const safe[] = { "a", "a/b.gguf", "..a", "a..b/c" }, *const unsafe[] = { "", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "a\nb", "a\\b" };
    for (size_t i = 0; i < sizeof safe / sizeof safe[0]; i++) assert_true(reference_is_safe_path(safe[i]));
    for (size_t i = 0; i < sizeof unsafe / sizeof unsafe[0]; i++) assert_false(reference_is_safe_path(unsafe[i]));
}

/* A home of our own, with a cache that holds two models of one repository and one that nothing names. */
static char home[] = "/tmp/ridge-hub-XXXXXX";
static const char repo[] = "maker/Tiny-GGUF", commit[] = "0123456789abcdef0123456789abcdef01234567";

static void put(const char *file, const char *name) {
    buffer blob = {0};
    int lock;
    error e;
    assert_int_equal(store_lock(repo, name, &lock, &e), 0);
    assert_int_equal(store_blob(repo, name, ".incomplete", &blob, &e), 0);
    assert_int_equal(write_whole_file(buffer_text(&blob), name, strlen(name), &e), 0);
    assert_int_equal(store_finish(repo, name, &e), 0);
    assert_int_equal(store_link(repo, commit, file, name, &e), 0);
    store_unlock(lock);
    buffer_free(&blob);
}

static int make_home(void **state) {
    (void)state;
    static const char *const unset[] = { "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "LLAMA_CACHE", "OLLAMA_MODELS" };
    for (size_t i = 0; i < sizeof unset / sizeof unset[0]; i++) unsetenv(unset[i]);
    if (!mkdtemp(home) || setenv("HOME", home, 1)) return -1;
    put("Tiny-Q4_K_M.gguf", "one");
    put("deep/er/Tiny-Q8_0.gguf", "two");
    error e;
    return store_ref(repo, "main", commit, false, &e) || chdir(home);
}

static int remove_home(void **state) {
    (void)state;
    char command[200];
    snprintf(command, sizeof command, "rm -r %s", home);
    return chdir("/") || system(command);
}

static void names_lead_to_files(void **state) {
    (void)state;
    static const struct { const char *name, *ending; } cases[] = {
        { "maker/Tiny-GGUF", "/Tiny-Q4_K_M.gguf" }, { "maker/Tiny-GGUF:q8_0", "/deep/er/Tiny-Q8_0.gguf" }, { "MAKER/tiny-gguf:Q8_0", NULL },
        { "maker/Tiny-GGUF:Q2_K", NULL }, { "maker/Other", NULL }, { "smollm2", NULL }, { "own.gguf", "own.gguf" },
    };
    error e;
    buffer path = {0}, text = {0};
    assert_int_equal(write_whole_file("own.gguf", "GGUF", 4, &e), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int code = hub_resolve(cases[i].name, &path, &e);
        if (!cases[i].ending) { assert_int_equal(code, RIDGE_E_NOT_FOUND); assert_non_null(strstr(e.text, cases[i].name)); continue; }
        assert_int_equal(code, 0);
        assert_string_equal(buffer_text(&path) + path.n - strlen(cases[i].ending), cases[i].ending);
        assert_int_equal(read_whole_file(buffer_text(&path), 10, &text, &e), 0);
    }
    assert_string_equal(buffer_text(&text), "onetwoGGUF");
    assert_int_equal(hub_resolve("smolm2", &path, &e), RIDGE_E_NOT_FOUND);
    assert_non_null(strstr(e.text, "did you mean smollm2?"));
    assert_int_equal(hub_resolve("maker/Tiny-GUF:Q8_0.gguf", &path, &e), RIDGE_E_NOT_FOUND);
    buffer_free(&path);
    buffer_free(&text);
}

static void resolving_survives_every_failed_allocation(void **state) {
    (void)state;
    static const char *const names[] = { "maker/Tiny-GGUF:Q8_0", "smollm2", "nothing-of-that-name" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t requests = 1;
        for (size_t n = 1; requests >= n; n++) {
            buffer path = {0};
            error e = { .code = 0 };
            memory_fail_nth(n);
            const int code = hub_resolve(names[i], &path, &e);
            requests = memory_requests();
            assert_true(code == RIDGE_E_NO_MEMORY || code == RIDGE_E_NOT_FOUND || (code == 0 && i == 0));
            if (code) assert_true(strlen(e.text) > 0);
            buffer_free(&path);
        }
        memory_fail_nth(0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_are_told_from_other_names),
        cmocka_unit_test(a_quant_selects_whole_words_in_any_case),
        cmocka_unit_test(one_file_of_a_repository_is_chosen),
        cmocka_unit_test(paths_from_the_network_stay_below_their_directory),
        cmocka_unit_test(names_lead_to_files),
        cmocka_unit_test(resolving_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, make_home, remove_home);
}
