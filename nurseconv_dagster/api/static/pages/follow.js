// Follows an upload to its end; a stream that breaks off is taken up again by the browser.
export function follow(id, { progress = () => {}, end, lost = () => {} }) {
  const events = new EventSource(`/api/v1/uploads/${id}/events`);
  events.addEventListener("progress", (event) => progress(JSON.parse(event.data)));
  events.addEventListener("end", (event) => {
    events.close();
    end(JSON.parse(event.data));
  });
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) lost(); // refused: logged out, or too many at once
  });
}
