/* The half of the parser that reads text and statements: see jinja_parser.h. include, import, extends and block are refused:
 * a chat template stands alone. */
#include "text/jinja_parser.h"
#include <string.h>

void jinja_parse_fail(jinja_parser *p, const char *what) {
    const jinja_token *t = p->token;
    p->j->line = t->line;
    if (t->kind == TOKEN_NAME) jinja_fail(p->j, RIDGE_E_BAD_FILE, "expected %s, found '%.*s'", what, (int)t->text.n, t->text.data);
    else jinja_fail(p->j, RIDGE_E_BAD_FILE, "expected %s, found %s", what, jinja_token_name(t->kind));
}

jinja_node *jinja_parse_node(jinja_parser *p, jinja_node_kind kind) {
    jinja_node *n = jinja_allocate(p->j, 1, sizeof *n);
    if (!n) return NULL;
    n->kind = kind;
    n->line = p->token->line;
    return n;
}

bool jinja_parse_accept(jinja_parser *p, jinja_token_kind kind) {
    if (p->j->code || p->token->kind != kind || kind == TOKEN_END) return false;
    p->token++;
    return true;
}

void jinja_parse_expect(jinja_parser *p, jinja_token_kind kind) {
    if (!p->j->code && !jinja_parse_accept(p, kind)) jinja_parse_fail(p, jinja_token_name(kind));
}

static bool is_word(const jinja_token *t, const char *word) {
    return t->kind == TOKEN_NAME && t->text.n == strlen(word) && !memcmp(t->text.data, word, t->text.n);
}

bool jinja_parse_at_word(const jinja_parser *p, const char *word) { return is_word(p->token, word); }

bool jinja_parse_accept_word(jinja_parser *p, const char *word) { return jinja_parse_at_word(p, word) && jinja_parse_accept(p, TOKEN_NAME); }

jinja_text jinja_parse_name(jinja_parser *p) {
    const jinja_text text = p->token->text;
    jinja_parse_expect(p, TOKEN_NAME);
    return text;
}

static jinja_node *statements(jinja_parser *p, const char *const *ends);

/* A body through its end tag's word; the tag's "%}" is left. The first word of ends that matches is consumed: its index in *which. */
static jinja_node *body_until(jinja_parser *p, const char *const *ends, int *which) {
    jinja_parse_accept(p, TOKEN_COLON);
    jinja_parse_expect(p, TOKEN_BLOCK_END);
    jinja_node *body = statements(p, ends);
    *which = 0;
    for (int i = 0; ends[i] && !p->j->code; i++)
        if (jinja_parse_accept_word(p, ends[i])) { *which = i; return body; }
    if (!p->j->code) {
        p->j->line = p->token->line;
        jinja_fail(p->j, RIDGE_E_BAD_FILE, "the template ends where {%% %s %%} was expected", ends[0]);
    }
    return NULL;
}

static jinja_node *body_to(jinja_parser *p, const char *end) {
    int which;
    return body_until(p, (const char *const[]){ end, NULL }, &which);
}

/* A body whose break and continue, and whose caller, are not those of what is around it. */
static jinja_node *function_body(jinja_parser *p, jinja_node *n, const char *end) {
    jinja_node *const macro = p->macro;
    const int loops = p->loops;
    if (n) p->macro = n;
    p->loops = 0;
    jinja_node *body = body_to(p, end);
    p->macro = macro;
    p->loops = loops;
    return body;
}

static bool assignable(const jinja_node *n) {
    if (!n) return false;
    if (n->kind == NODE_NAME) return true;
    if (n->kind != NODE_TUPLE) return false;
    for (const jinja_node *i = n->items; i; i = i->next)
        if (!assignable(i)) return false;
    return true;
}

static jinja_node *target(jinja_parser *p, const char *end_word, bool namespaces) {
    jinja_node *n;
    if (namespaces && p->token->kind == TOKEN_NAME && p->token[1].kind == TOKEN_DOT) {
        n = jinja_parse_node(p, NODE_NAMESPACE_NAME);
        const jinja_text owner = jinja_parse_name(p);
        jinja_parse_expect(p, TOKEN_DOT);
        jinja_node *attribute = jinja_parse_node(p, NODE_NAME);
        const jinja_text name = jinja_parse_name(p);
        if (!n || !attribute) return NULL;
        n->name = owner;
        n->b = attribute;
        attribute->name = name;
        return n;
    }
    n = jinja_parse_tuple(p, JINJA_PARSE_TARGET, end_word);
    if (!p->j->code && !assignable(n)) jinja_parse_fail(p, "a name to assign to before this");
    return n;
}

static jinja_node *parse_if(jinja_parser *p) {
    static const char *const ends[] = { "endif", "elif", "else", NULL };
    jinja_node *first = NULL, **link = &first;
    int which = 1;
    while (which == 1 && !p->j->code) {
        jinja_node *n = jinja_parse_node(p, NODE_IF);
        if (!n) return NULL;
        *link = n;
        link = &n->other;
        n->a = jinja_parse_tuple(p, JINJA_PARSE_NO_CONDITIONAL, NULL);
        n->body = body_until(p, ends, &which);
    }
    if (which == 2) *link = body_to(p, "endif");
    return first;
}

static jinja_node *parse_for(jinja_parser *p) {
    jinja_node *n = jinja_parse_node(p, NODE_FOR);
    if (!n) return NULL;
    n->target = target(p, "in", false);
    if (!jinja_parse_accept_word(p, "in")) jinja_parse_fail(p, "'in'");
    n->a = jinja_parse_tuple(p, JINJA_PARSE_NO_CONDITIONAL, "recursive");
    if (jinja_parse_accept_word(p, "if")) n->b = jinja_parse_expression(p, true);
    if (jinja_parse_at_word(p, "recursive")) {
        p->j->line = n->line;
        jinja_fail(p->j, RIDGE_E_UNSUPPORTED, "recursive loops are not supported");
    }
    int which;
    p->loops++;
    n->body = body_until(p, (const char *const[]){ "endfor", "else", NULL }, &which);
    p->loops--;
    if (which == 1) n->other = body_to(p, "endfor");
    return n;
}

static jinja_node *parse_set(jinja_parser *p) {
    jinja_node *n = jinja_parse_node(p, NODE_SET);
    if (!n) return NULL;
    n->target = target(p, NULL, true);
    if (jinja_parse_accept(p, TOKEN_ASSIGN)) {
        n->a = jinja_parse_tuple(p, JINJA_PARSE_FULL, NULL);
        return n;
    }
    n->kind = NODE_SET_BLOCK;
    if (p->token->kind == TOKEN_PIPE) n->a = jinja_parse_filters(p, jinja_parse_node(p, NODE_CAPTURED), false);
    n->body = body_to(p, "endset");
    return n;
}

/* A name that may be assigned to: not a constant's. */
static jinja_text new_name(jinja_parser *p) {
    static const char *const constants[] = { "true", "false", "none", "True", "False", "None" };
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++)
        if (jinja_parse_at_word(p, constants[i])) jinja_parse_fail(p, "a name to assign to");
    return jinja_parse_name(p);
}

/* "(a, b=c)" into n->items. */
static void signature(jinja_parser *p, jinja_node *n) {
    jinja_node **last = &n->items;
    bool defaults = false;
    jinja_parse_expect(p, TOKEN_LEFT_PARENTHESIS);
    while (!p->j->code && p->token->kind != TOKEN_RIGHT_PARENTHESIS) {
        if (n->items) jinja_parse_expect(p, TOKEN_COMMA);
        jinja_node *parameter = jinja_parse_node(p, NODE_PARAMETER);
        const jinja_text name = new_name(p);
        if (!parameter) return;
        parameter->name = name;
        if (jinja_parse_accept(p, TOKEN_ASSIGN)) parameter->a = jinja_parse_expression(p, true);
        else if (defaults) jinja_parse_fail(p, "a default for every parameter behind one that has a default");
        defaults |= parameter->a != NULL;
        *last = parameter;
        last = &parameter->next;
    }
    jinja_parse_expect(p, TOKEN_RIGHT_PARENTHESIS);
}

static jinja_node *parse_macro(jinja_parser *p) {
    jinja_node *n = jinja_parse_node(p, NODE_MACRO);
    const jinja_text name = new_name(p);
    if (!n) return NULL;
    n->name = name;
    signature(p, n);
    n->body = function_body(p, n, "endmacro");
    return n;
}

static jinja_node *parse_call(jinja_parser *p) {
    jinja_node *n = jinja_parse_node(p, NODE_CALL_BLOCK);
    if (!n) return NULL;
    if (p->token->kind == TOKEN_LEFT_PARENTHESIS) signature(p, n);
    n->a = jinja_parse_expression(p, true);
    if (!p->j->code && n->a->kind != NODE_CALL) jinja_parse_fail(p, "a call before this");
    n->body = function_body(p, n, "endcall");
    return n;
}

static jinja_node *parse_filter_block(jinja_parser *p) {
    jinja_node *n = jinja_parse_node(p, NODE_FILTER_BLOCK);
    if (!n) return NULL;
    n->a = jinja_parse_filters(p, jinja_parse_node(p, NODE_CAPTURED), true);
    n->body = body_to(p, "endfilter");
    return n;
}

static jinja_node *parse_with(jinja_parser *p) {
    jinja_node *n = jinja_parse_node(p, NODE_WITH);
    if (!n) return NULL;
    jinja_node **last = &n->items;
    while (!p->j->code && p->token->kind != TOKEN_BLOCK_END) {
        if (n->items) jinja_parse_expect(p, TOKEN_COMMA);
        jinja_node *set = jinja_parse_node(p, NODE_SET);
        if (!set) return NULL;
        set->target = jinja_parse_primary(p);
        if (!assignable(set->target)) jinja_parse_fail(p, "a name to assign to before this");
        jinja_parse_expect(p, TOKEN_ASSIGN);
        set->a = jinja_parse_expression(p, true);
        *last = set;
        last = &set->next;
    }
    n->body = body_to(p, "endwith");
    return n;
}

/* Marks what the assistant said, for training; its text is rendered as it stands. */
static jinja_node *parse_generation(jinja_parser *p) {
    jinja_node *n = jinja_parse_node(p, NODE_SCOPE);
    const int loops = p->loops;
    p->loops = 0;
    jinja_node *body = body_to(p, "endgeneration");
    p->loops = loops;
    if (n) n->body = body;
    return n;
}

static jinja_node *loop_control(jinja_parser *p, jinja_node_kind kind) {
    jinja_node *n = jinja_parse_node(p, kind);
    if (!p->loops) jinja_parse_fail(p, "a loop around break or continue");
    return n;
}

static jinja_node *parse_break(jinja_parser *p) { return loop_control(p, NODE_BREAK); }
static jinja_node *parse_continue(jinja_parser *p) { return loop_control(p, NODE_CONTINUE); }

static jinja_node *refuse(jinja_parser *p) {
    p->j->line = p->token[-1].line;
    jinja_fail(p->j, RIDGE_E_UNSUPPORTED, "{%% %.*s %%} is not supported", (int)p->token[-1].text.n, p->token[-1].text.data);
    return NULL;
}

static const struct { const char *word; jinja_node *(*parse)(jinja_parser *p); } keywords[] = {
    { "if", parse_if }, { "for", parse_for }, { "set", parse_set }, { "macro", parse_macro }, { "call", parse_call },
    { "filter", parse_filter_block }, { "with", parse_with }, { "generation", parse_generation }, { "break", parse_break },
    { "continue", parse_continue }, { "include", refuse }, { "import", refuse }, { "from", refuse }, { "extends", refuse },
    { "block", refuse }, { "autoescape", refuse }, { "print", refuse },
};

static jinja_node *statement(jinja_parser *p) {
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        if (!jinja_parse_accept_word(p, keywords[i].word)) continue;
        if (!jinja_enter(p->j, JINJA_NESTING_LIMIT)) return NULL;
        jinja_node *n = keywords[i].parse(p);
        p->j->depth--;
        jinja_parse_expect(p, TOKEN_BLOCK_END);
        return n;
    }
    jinja_parse_fail(p, "a statement");
    return NULL;
}

static bool at_end(const jinja_parser *p, const char *const *ends) {
    for (; ends && *ends; ends++)
        if (is_word(p->token, *ends)) return true;
    return false;
}

/* Text, expressions and statements up to a tag that begins with one of ends (at that word then), or the template's end. */
static jinja_node *statements(jinja_parser *p, const char *const *ends) {
    jinja_node *first = NULL, **last = &first;
    while (!p->j->code && p->token->kind != TOKEN_END) {
        jinja_node *n;
        if (p->token->kind == TOKEN_DATA) {
            n = jinja_parse_node(p, NODE_DATA);
            if (n) n->value = jinja_string(p->token->text.data, p->token->text.n);
            p->token++;
        } else if (jinja_parse_accept(p, TOKEN_PRINT_BEGIN)) {
            n = jinja_parse_node(p, NODE_PRINT);
            jinja_node *a = jinja_parse_tuple(p, JINJA_PARSE_FULL, NULL);
            if (n) n->a = a;
            jinja_parse_expect(p, TOKEN_PRINT_END);
        } else {
            jinja_parse_expect(p, TOKEN_BLOCK_BEGIN);
            if (at_end(p, ends)) return first;
            n = statement(p);
        }
        if (!n) return NULL;
        *last = n;
        last = &n->next;
    }
    return first;
}

jinja_node *jinja_parse(jinja *j, const char *source, size_t n) {
    jinja_parser p = { .j = j, .token = jinja_lex(j, source, n) };
    if (!p.token) return NULL;
    jinja_node *tree = statements(&p, NULL);
    j->depth = 0;
    j->line = 0;
    return j->code ? NULL : tree;
}
