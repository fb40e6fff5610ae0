/* What the readers of loader configurations share: pieces of a text that know where they stand,
 * files that name files, and what a kernel's name tells. Private to the room. */
#ifndef KL_STAGE_MENU_H
#define KL_STAGE_MENU_H

#include "stage/read.h"

/* --- pieces ------------------------------------------------------------------------------------*/

/* A part of one line of a source. */
struct kl_piece {
    const char *s;
    size_t len;
    struct kl_place at; /* at.width is not used: it is `len` */
};

/* The text's next line without its end ("\n", "\r\n"); false after the last. `line` counts. */
bool kl_piece_line(const char *text, size_t len, size_t *pos, struct kl_piece *line);
struct kl_piece kl_piece_from(struct kl_piece p, size_t n); /* without its first n bytes */
struct kl_piece kl_piece_trim(struct kl_piece p);           /* without blanks around it */
/* Takes the next word off `rest`; false when there is none. Bytes up to ' ' are blanks. */
bool kl_piece_word(struct kl_piece *rest, struct kl_piece *word);
bool kl_piece_is(struct kl_piece p, const char *word); /* in any case of letters */
struct kl_place kl_piece_place(struct kl_piece p);
char *kl_piece_text(struct kl_arena *a, struct kl_piece p);
struct kl_arg kl_piece_arg(struct kl_arena *a, struct kl_piece p);

/* Adds the words of a piece to a kernel line, parted as the kernel parts them. */
void kl_menu_words(struct kl_arena *a, struct kl_cmdline *line, struct kl_piece p);
/* Adds the files of "a,b" within a word, from byte `from` on, to an entry's initrds. */
void kl_menu_initrds(struct kl_arena *a, struct kl_entry *e, const struct kl_arg *w, size_t from);
/* Takes every initrd= out of the entry's line; their files become initrds when `keep`. */
void kl_menu_take_initrds(struct kl_arena *a, struct kl_entry *e, bool keep);

/* --- entries -----------------------------------------------------------------------------------*/

struct kl_entry *kl_menu_add(struct kl_arena *a, struct kl_menu *m); /* zeroed but for complete */
/* The last part of a path: after '/', and after the "::" of PXELINUX. */
const char *kl_menu_base(const char *path);
/* What a file that is started as a kernel is: KL_ENTRY_OTHER for memory tests, disk images and
 * other loaders, told by its name. */
enum kl_entry_kind kl_menu_kind(const char *kernel);

/* --- files that are included -------------------------------------------------------------------*/

/* PXELINUX nests 16 deep (docs/releases.md); the other bounds only keep a hostile file from taking
 * the machine with it. */
enum { KL_MENU_INCLUDE_DEPTH = 16, KL_MENU_INCLUDE_FILES = 1024, KL_MENU_INCLUDE_BYTES = 16 << 20 };

struct kl_menu_includes {
    struct kl_arena *a;
    const struct kl_finder *files; /* NULL: no file is at hand */
    struct kl_diags *d;
    const char *open[KL_MENU_INCLUDE_DEPTH + 1];
    size_t depth, total, bytes;
    bool full;  /* said once */
    bool quiet; /* a file that is not at hand need not be */
};

/* The file that is read first; its name, for places. */
const char *kl_menu_include_first(
    struct kl_menu_includes *i, const char *file, const char *text, size_t len);
/* One that it includes: false with a note when it is not at hand, with a warning when it is being
 * read already. `name` is as written, at `at`; the file is registered, and `*file` names it in
 * places. Close it when it is read. */
bool kl_menu_include_open(struct kl_menu_includes *i, const char *name, struct kl_place at,
    const char **file, const char **text, size_t *len);
void kl_menu_include_close(struct kl_menu_includes *i);

#endif
