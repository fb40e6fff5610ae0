/* GRUB's script language, as far as configurations use it: tokens, words, and their expansion.
 * Private to the reader of GRUB configurations.
 *
 * Grammar: grub-core/script/{yylex.l,parser.y,execute.c} of GRUB 2.06; quoting and word breaks are
 * those of the manual's "Shell-like scripting". */
#ifndef KL_STAGE_GRUB_SCRIPT_H
#define KL_STAGE_GRUB_SCRIPT_H

#include "stage/menu.h"

/* --- tokens (grub_lex.c) -----------------------------------------------------------------------*/

enum kl_grub_type {
    KL_GRUB_WORD,
    KL_GRUB_END, /* of a command: a newline, ';', '|', '&' and their doubles */
    KL_GRUB_OPEN,
    KL_GRUB_CLOSE,
    KL_GRUB_EOF,
};

struct kl_grub_token {
    enum kl_grub_type type;
    struct kl_piece raw; /* may reach over lines; its place is of its first byte */
};

/* A text in tokens; the last is KL_GRUB_EOF. */
struct kl_grub_text {
    struct kl_grub_token *tokens;
    size_t n;
};

struct kl_grub_text kl_grub_lex(
    struct kl_arena *a, const char *text, size_t len, const char *file, struct kl_diags *d);

/* --- words (grub_words.c) ----------------------------------------------------------------------*/

/* Variables, the last set first. A value of NULL: it is set, but not known to what. */
struct kl_grub_var {
    const struct kl_grub_var *before;
    const char *name, *value;
    struct kl_place at; /* where it was set last; file NULL: in more than one place */
    bool complete;      /* no part of the value stands as written for want of knowledge */
};

struct kl_grub_word {
    struct kl_arg arg;
    bool complete;
};

struct kl_grub_words {
    struct kl_grub_word *list;
    size_t n;
};

/* What an expansion may look at, and use up. */
struct kl_grub_scope {
    struct kl_arena *a;
    const struct kl_grub_var *vars;
    const struct kl_grub_word *params; /* $1 is [0] */
    size_t nparams;
    bool has_params; /* else $1 is not known */
    size_t *fuel;    /* goes down with every step and byte; at 0 nothing is expanded any more */
};

const struct kl_grub_var *kl_grub_get(const struct kl_grub_scope *s, const char *name);
/* Adds what a token expands to: no word, one, or several where a variable stands unquoted. */
void kl_grub_expand(
    const struct kl_grub_scope *s, const struct kl_grub_token *t, struct kl_grub_words *out);

/* --- running it --------------------------------------------------------------------------------*/

/* Paths through a body are followed up to this number; calls and nesting this deep. */
enum { KL_GRUB_PATHS = 8, KL_GRUB_DEEPEST = 48 };

enum kl_grub_state { KL_GRUB_LIVE, KL_GRUB_RETURNED, KL_GRUB_ENDED };
enum kl_grub_status { KL_GRUB_UNKNOWN, KL_GRUB_TRUE, KL_GRUB_FALSE };

/* One way through the script, with the entry that it is putting together. */
struct kl_grub_path {
    const struct kl_grub_var *vars;
    const struct kl_grub_word *params;
    size_t nparams;
    bool has_params;
    struct kl_entry e;
    bool chosen;    /* something was loaded or decided: e is an entry */
    size_t modules; /* of multiboot, after its kernel: Xen */
    enum kl_grub_state state;
    enum kl_grub_status status; /* of the last command */
};

struct kl_grub_paths {
    struct kl_grub_path list[2 * KL_GRUB_PATHS];
    size_t n;
};

struct kl_grub_function {
    const char *name;
    const struct kl_grub_text *text;
    size_t from, to;
};

struct kl_grub_level;

/* A menuentry or submenu, to be run when all is read. */
struct kl_grub_item {
    const char *title, *id, *condition;
    struct kl_place at;
    const struct kl_grub_text *text;
    size_t from, to;
    const struct kl_grub_word *params;
    size_t nparams;
    bool submenu;
    struct kl_grub_level *inner; /* of a submenu, once run */
    size_t first, last;          /* its entries */
};

struct kl_grub_level {
    struct kl_grub_item *items;
    size_t n;
    const struct kl_grub_var *vars; /* at its end */
};

struct kl_grub_run {
    struct kl_arena *a;
    struct kl_menu *m;
    struct kl_diags *d;
    struct kl_includes inc;
    struct kl_grub_function *functions;
    size_t nfunctions, depth, fuel;
    const struct kl_grub_level *top;
    struct kl_grub_level *level; /* where menuentry adds; NULL within an entry's body */
    size_t first;                /* of the entries of the body being run */
    int at_once;                 /* the entry that the top itself boots, or -1 */
};

/* grub_commands.c */
void kl_grub_add_path(struct kl_grub_paths *set, const struct kl_grub_path *p);
struct kl_grub_scope kl_grub_scope_of(struct kl_grub_run *r, const struct kl_grub_path *p);
void kl_grub_set(struct kl_grub_run *r, struct kl_grub_path *p, const char *name, const char *value,
    bool complete);
/* The path's entry becomes one of the menu, unless another path came to the same. */
void kl_grub_emit(struct kl_grub_run *r, struct kl_grub_path *p);
/* A command that is none of the language's own: what it does to the path. */
void kl_grub_command(struct kl_grub_run *r, struct kl_grub_path *p, const struct kl_grub_words *w);

/* grub_run.c */
void kl_grub_run_list(struct kl_grub_run *r, const struct kl_grub_text *t, size_t from, size_t to,
    struct kl_grub_paths *set);
bool kl_grub_is_word(const struct kl_grub_text *t, size_t k, const char *word);
/* The index of a block's closing brace, or `to`; `from` is its opening one. */
size_t kl_grub_block_end(
    struct kl_grub_run *r, const struct kl_grub_text *t, size_t from, size_t to);

/* grub_parse.c: "menuentry" or "submenu" at `from`, with its block at `open`; returns past it. */
size_t kl_grub_define(struct kl_grub_run *r, const struct kl_grub_text *t, size_t from, size_t open,
    size_t to, const struct kl_grub_paths *set);

#endif
