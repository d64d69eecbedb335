/* Escape sequences that go to the terminal beside curses: modes, window title, clipboard. */
#ifndef APP_UI_OSC_H
#define APP_UI_OSC_H

/* to standard output, whole, past all buffers */
void osc_write(const char *s);
/* window title, where a terminal of that name has one; control characters left out */
void osc_title(const char *term, const char *title);
void osc_clipboard(const char *text); /* OSC 52, base64 */

#endif
