/* The smallest useful program with libridge: continues a text.
 *
 *     complete MODEL.gguf "Once upon a time" [TOKENS]
 *
 * Only ridge.h is used. Greedy, so that the same text comes every time. */
#include <ridge/ridge.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Called with each new token and the text that it made final. */
static bool print(void *user, int32_t token, const char *text, size_t n_bytes) {
    (void)user, (void)token;
    return fwrite(text, 1, n_bytes, stdout) == n_bytes && !fflush(stdout);
}

static int complete(const char *path, const char *prompt, size_t n_tokens, ridge_error *err) {
    ridge_model *model = NULL;
    ridge_session *session = NULL;
    ridge_sampler *sampler = NULL;
    ridge_tokens tokens = {0};
    ridge_generation got;

    ridge_sampler_options sampling = ridge_sampler_options_default();
    sampling.temperature = 0;

    int code = ridge_model_open(&model, path, NULL, err);
    if (!code) code = ridge_session_open(&session, model, err);
    if (!code) code = ridge_sampler_new(&sampler, model, &sampling, err);
    if (!code) code = ridge_tokenize(model, prompt, strlen(prompt), RIDGE_ADD_SPECIAL, &tokens, err);
    if (!code) {
        const ridge_generate_options options = { .sampler = sampler, .max_tokens = n_tokens, .on_token = print };
        code = ridge_generate(session, tokens.ids, tokens.n, &options, &got, err);
    }
    if (!code) fprintf(stderr, "%zu tokens, %.1f a second\n", got.tokens, got.tokens_per_second);

    ridge_tokens_free(&tokens);
    ridge_sampler_free(sampler);
    ridge_session_close(session);
    ridge_model_close(model);
    return code;
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: %s MODEL.gguf TEXT [TOKENS]\n", argv[0]);
        return 2;
    }
    ridge_error err;
    if (complete(argv[1], argv[2], argc == 4 ? strtoul(argv[3], NULL, 10) : 32, &err)) {
        fprintf(stderr, "%s: %s\n", ridge_error_name(err.code), err.text);
        return 1;
    }
    return 0;
}
