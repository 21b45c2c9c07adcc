// Runs the verifier. By its Content-Security-Policy it can request nothing, from
// nobody. First it is sent the module, then questions; each is answered by a report.
// The service puts Go's wasm_exec.js, which is in strict mode, before it.
onmessage = async ({ data }) => {
  try {
    if (data.module) {
      const go = new Go();
      const { instance } = await WebAssembly.instantiate(data.module, go.importObject);
      go.run(instance).then(() => postMessage({ failed: "the verifier has ended" }));
      postMessage({ ready: true });
    } else {
      postMessage({ report: JSON.parse(safeconductVerify(data.question)) });
    }
  } catch (err) {
    postMessage({ failed: String(err) });
  }
};
