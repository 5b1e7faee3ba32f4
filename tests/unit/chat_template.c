/* Chat templates as a caller uses them. The texts that real templates give are compared in golden/templates.py. */
#include "test.h"
#include <string.h>
#include "base/memory.h"
#include "text/chat_template.h"

static chat_template *parsed(const char *source) {
    chat_template *t = NULL;
    error err;
    if (chat_template_new(&t, source, strlen(source), &err)) fail_msg("%s", err.text);
    return t;
}

static void messages_become_text(void **state) {
    (void)state;
    chat_template *t = parsed("{{ bos_token }}{% for m in messages %}[{{ m.role }}|{{ m.content }}|{{ m.name }}]{% endfor %}"
                              "{{ tools is none }}{{ documents is none }}{{ eos_token is defined }}{{ mood }}{{ add_generation_prompt }}\n");
    const chat_message messages[] = { { .role = "system", .content = "Grüße" },
                                      { .role = "user", .content = "a\"b", .extra = "{\"name\": \"Ada\"}" },
                                      { .role = "assistant", .extra = "{\"role\": \"bot\"}" } };
    const chat_template_options options = { .bos_token = "<s>", .variables = "{\"mood\": [1, \"x\"]}" };
    buffer out = {0};
    error err;
    buffer_append_text(&out, "before ");
    for (int i = 0; i < 2; i++) assert_int_equal(chat_template_render(t, messages, 3, &options, &out, &err), 0);     /* again gives the same */
    static const char once[] = "<s>[system|Grüße|][user|a\"b|Ada][bot|None|]TrueTrueFalse[1, 'x']False";
    assert_int_equal(out.n, 7 + 2 * (sizeof once - 1));
    assert_memory_equal(out.data + 7, once, sizeof once - 1);
    assert_memory_equal(out.data + 7 + sizeof once - 1, once, sizeof once - 1);
    buffer_free(&out);
    chat_template_free(t);
}

static void no_messages_and_no_options_are_fine(void **state) {
    (void)state;
    chat_template *t = parsed("{{ messages | length }}{{ bos_token is defined }}");
    buffer out = {0};
    assert_int_equal(chat_template_render(t, NULL, 0, NULL, &out, NULL), 0);
    assert_string_equal(buffer_text(&out), "0False");
    buffer_free(&out);
    chat_template_free(t);
    chat_template_free(NULL);
}

static void a_refusal_carries_the_templates_own_words(void **state) {
    (void)state;
    chat_template *t = parsed("{% if messages[0].role != 'user' %}\n{{ raise_exception('Users speak first: ' ~ messages[0].role) }}{% endif %}ok");
    const chat_message wrong = { .role = "tool", .content = "" }, right = { .role = "user", .content = "" };
    buffer out = {0};
    error err;
    buffer_append_text(&out, "kept");
    assert_int_equal(chat_template_render(t, &wrong, 1, NULL, &out, &err), RIDGE_E_BAD_ARGUMENT);
    assert_int_equal(err.code, RIDGE_E_BAD_ARGUMENT);
    assert_string_equal(err.text, "the chat template refuses the conversation: line 2: Users speak first: tool");
    assert_string_equal(buffer_text(&out), "kept");
    assert_int_equal(chat_template_render(t, &right, 1, NULL, &out, &err), 0);
    assert_string_equal(buffer_text(&out), "keptok");
    buffer_free(&out);
    chat_template_free(t);
}

static void options_that_are_not_json_are_named(void **state) {
    (void)state;
    chat_template *t = parsed("x");
    const chat_message message = { .role = "user", .content = "", .extra = "[1]" };
    const chat_template_options tools = { .tools = "[1," }, variables = { .variables = "3" };
    buffer out = {0};
    error err;
    assert_int_equal(chat_template_render(t, NULL, 0, &tools, &out, &err), RIDGE_E_BAD_ARGUMENT);
    assert_non_null(strstr(err.text, "the list of tools is not JSON"));
    assert_int_equal(chat_template_render(t, NULL, 0, &variables, &out, &err), RIDGE_E_BAD_ARGUMENT);
    assert_non_null(strstr(err.text, "the template's variables must be a JSON object"));
    assert_int_equal(chat_template_render(t, &message, 1, NULL, &out, &err), RIDGE_E_BAD_ARGUMENT);
    assert_non_null(strstr(err.text, "beside role and content must be a JSON object"));
    assert_int_equal(out.n, 0);
    chat_template_free(t);
}

static void bytes_that_are_not_utf8_pass_through(void **state) {
    (void)state;
    chat_template *t = parsed("{{ messages[0].content | trim | upper }}");
    const chat_message message = { .role = "user", .content = " a\xff\xc3 b\x80" };
    buffer out = {0};
    assert_int_equal(chat_template_render(t, &message, 1, NULL, &out, NULL), 0);
    assert_string_equal(buffer_text(&out), "A\xff\xc3 B\x80");
    buffer_free(&out);
    chat_template_free(t);
}

static void the_time_can_be_given(void **state) {
    (void)state;
    chat_template *t = parsed("{{ strftime_now('%Y') }}");
    const chat_template_options then = { .now = 1000000000 };         /* September 2001 everywhere */
    buffer out = {0};
    assert_int_equal(chat_template_render(t, NULL, 0, &then, &out, NULL), 0);
    assert_string_equal(buffer_text(&out), "2001");
    buffer_clear(&out);
    assert_int_equal(chat_template_render(t, NULL, 0, NULL, &out, NULL), 0);
    assert_true(strcmp(buffer_text(&out), "2025") > 0);
    buffer_free(&out);
    chat_template_free(t);
}

static void the_fallback_is_plain_chatml(void **state) {
    (void)state;
    chat_template *t = NULL;
    error err;
    assert_int_equal(chat_template_fallback(&t, &err), 0);
    const chat_message messages[] = { { .role = "system", .content = "s" }, { .role = "user", .content = "u" } };
    const chat_template_options options = { .add_generation_prompt = true };
    buffer out = {0};
    assert_int_equal(chat_template_render(t, messages, 2, &options, &out, &err), 0);
    assert_string_equal(buffer_text(&out), "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n");
    buffer_free(&out);
    chat_template_free(t);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    static const char source[] = "{% for m in messages %}{{ m.role ~ m.content }}{{ m.x }}{% endfor %}{{ tools | tojson }}{{ v }}";
    const chat_message messages[] = { { .role = "user", .content = "c", .extra = "{\"x\": {\"y\": [1]}}" } };
    const chat_template_options options = { .bos_token = "b", .tools = "[{\"a\": 1}]", .variables = "{\"v\": 2}" };
    for (size_t n = 1, more = 1; more; n++) {
        chat_template *t = NULL;
        buffer out = {0};
        error err;
        memory_fail_nth(n);
        int code = chat_template_new(&t, source, sizeof source - 1, &err);
        assert_true(!code == (t != NULL));
        if (!code) code = chat_template_render(t, messages, 1, &options, &out, &err);
        more = memory_requests() >= n;
        memory_fail_nth(0);
        assert_int_equal(code, more ? RIDGE_E_NO_MEMORY : 0);
        assert_string_equal(buffer_text(&out), more ? "" : "userc{'y': [1]}[{\"a\": 1}]2");
        buffer_free(&out);
        chat_template_free(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_become_text),
        cmocka_unit_test(no_messages_and_no_options_are_fine),
        cmocka_unit_test(a_refusal_carries_the_templates_own_words),
        cmocka_unit_test(options_that_are_not_json_are_named),
        cmocka_unit_test(bytes_that_are_not_utf8_pass_through),
        cmocka_unit_test(the_time_can_be_given),
        cmocka_unit_test(the_fallback_is_plain_chatml),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
