/* What the readers of loader configurations share: pieces of a text that know where they stand,
 * files that name files, and what a kernel's name tells. Private to the room. */
#ifndef KL_STAGE_MENU_H
#define KL_STAGE_MENU_H

#include "stage/include.h"

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

#endif
