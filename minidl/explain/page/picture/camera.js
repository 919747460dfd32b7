// The camera: it's on while its picture is seen on the page, and off as soon as one is taken.

const REFUSALS = {
  NotAllowedError: "The camera wasn’t allowed. Allow it in the browser’s address bar, and press Camera again.",
  SecurityError: "This page isn’t allowed to use the camera. Choose a file instead.",
  NotFoundError: "There is no camera here. Choose a file instead.",
  OverconstrainedError: "There is no camera here that would do. Choose a file instead.",
  NotReadableError: "The camera is in use by another program. Close that, and press Camera again.",
};

/** {button, element}: `take(bitmap)` is given a picture, and `say(text)` told what went wrong. */
function makeCamera(take, say) {
  const holder = element("div", { class: "camera", hidden: true });
  const toggle = { type: "button", "aria-expanded": "false", onclick: () => (isOpen ? close() : open()) };
  const button = element("button", toggle, icon("camera"), "Camera");
  let [isOpen, stream] = [false, null];

  async function open() {
    isOpen = true;
    say("");
    button.setAttribute("aria-expanded", "true");
    let given;
    try {
      if (!navigator.mediaDevices) throw new DOMException("", "SecurityError"); // as where the page isn't safe from others
      given = await navigator.mediaDevices.getUserMedia({ video: { facingMode: { ideal: "environment" } }, audio: false });
    } catch (error) {
      if (isOpen) say(REFUSALS[error.name] || `The camera can’t be used: ${error.message || error.name}`);
      return close();
    }
    if (!isOpen) return turnOff(given); // closed while the browser asked
    stream = given;
    show();
  }

  function show() {
    const video = element("video", { "aria-label": "What the camera sees", autoplay: true, playsinline: true });
    video.muted = true;
    video.srcObject = stream;
    const shoot = element("button", { type: "button", disabled: true }, "Take the picture");
    video.addEventListener("loadeddata", () => {
      shoot.disabled = false;
      shoot.focus();
    });
    shoot.addEventListener("click", async () => {
      const bitmap = await createImageBitmap(video);
      close();
      button.focus();
      take(bitmap);
    });
    const leave = element("button", { type: "button", onclick: () => (close(), button.focus()) }, "Close");
    holder.replaceChildren(video, element("div", { class: "tools" }, shoot, leave));
    holder.hidden = false;
    const lost = () => (close(), say("The camera is gone."));
    for (const track of stream.getTracks()) track.addEventListener("ended", lost);
  }

  function close() {
    if (stream) turnOff(stream);
    [isOpen, stream] = [false, null];
    holder.hidden = true;
    holder.replaceChildren();
    button.setAttribute("aria-expanded", "false");
  }

  holder.addEventListener("keydown", (event) => event.key === "Escape" && (close(), button.focus()));
  return { button, element: holder };
}

function turnOff(stream) {
  for (const track of stream.getTracks()) track.stop();
}
