/* Escape sequences that go to the terminal beside curses: modes, window title, clipboard. */
#ifndef APP_UI_OSC_H
#define APP_UI_OSC_H

void osc_write(const char *s);                            /* to standard output, whole, past all buffers */
void osc_title(const char *term, const char *title);      /* window title, where a terminal of that name has one; control characters left out */
void osc_clipboard(const char *text);                     /* OSC 52, base64 */

#endif
