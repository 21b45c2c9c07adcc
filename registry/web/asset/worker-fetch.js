// Fetches the verifier, and hands it to the page. It never sees a file, and is
// ended when it is done. The service puts modulePath, in strict mode, before it.
fetch(modulePath).then(async (answer) => {
  if (!answer.ok) throw new Error(String(answer.status));
  const module = await answer.arrayBuffer();
  postMessage({ module }, [module]);
}).catch((err) => postMessage({ failed: String(err) }));
