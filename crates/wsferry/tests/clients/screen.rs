//! What a person sees of a desktop in a browser, and does with it.

use serde_json::json;
use wsferry_testkit::browser::Browser;

use crate::desktop::{Colour, Desktop};

pub(crate) const BLUE: Colour = [0x33, 0x66, 0xcc];
pub(crate) const ORANGE: Colour = [0xee, 0x88, 0x22];

/// The canvas of noVNC's own page.
pub(crate) const CANVAS: &str = "#noVNC_container canvas";

/// Waits until the desktop's background has this colour in the browser.
pub(crate) async fn until_seen(browser: &Browser, canvas: &str, colour: Colour) {
    let (canvas, colour) = (json!(canvas), json!(colour));
    // A canvas tells nobody that it was painted: it is looked at as often as the browser paints.
    let script = format!(
        "const end = performance.now() + 25000
        const eye = new OffscreenCanvas(1, 1).getContext('2d', {{ willReadFrequently: true }})
        let seen = 'no canvas'
        while (performance.now() < end) {{
            const canvas = document.querySelector({canvas})
            if (canvas && canvas.width === 600 && canvas.height === 400) {{
                eye.drawImage(canvas, 20, 20, 1, 1, 0, 0, 1, 1)
                seen = [...eye.getImageData(0, 0, 1, 1).data].slice(0, 3)
                if (String(seen) === String({colour})) return 'as expected'
            }}
            await new Promise(requestAnimationFrame)
        }}
        return `${{seen}}; the page shows: ${{document.body.innerText}}`"
    );
    let result = browser.run_async(&script).await;
    assert!(result == "as expected", "the colour {colour} is not seen: {result}");
}

/// The desktop is seen, what changes there is seen, and keys arrive there. It is left orange.
pub(crate) async fn assert_works(browser: &Browser, canvas: &str, desktop: &Desktop) {
    until_seen(browser, canvas, BLUE).await;
    desktop.paint(ORANGE).await;
    until_seen(browser, canvas, ORANGE).await;
    browser.click(canvas).await; // its middle, where the window is: keys go where the pointer is
    for (key, name) in [("w", "w"), ("Q", "Q"), ("\u{e013}", "Up"), ("\u{e007}", "Return")] {
        browser.type_into(canvas, key).await;
        desktop.until_pressed(name).await;
    }
}

/// Leaves the desktop as noVNC's own page does when a person asks it to.
pub(crate) async fn disconnect(browser: &Browser) {
    browser.run_async("(await import('/app/ui.js')).default.disconnect()").await;
    browser.until("!document.documentElement.classList.contains('noVNC_connected')").await;
}
