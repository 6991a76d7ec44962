//! Writing what is seen: pictures and videos with the overlay. Never opens a window.
