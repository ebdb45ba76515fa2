const resp = await fetch(
  "https://your-domain.com/antigravity/v1beta/models/gemini-3.1-flash-image:generateContent",
  {
    method: "POST",
    headers: {
      "Authorization": "Bearer sk-koci_your_api_key",
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      contents: [{
        role: "user",
        parts: [{ text: "一只穿着宇航服的猫在月球上漫步" }],
      }],
      generationConfig: {
        responseModalities: ["IMAGE", "TEXT"],
        imageConfig: { imageSize: "2K", aspectRatio: "16:9" },
      },
    }),
  }
);
const data = await resp.json();
for (const part of data.candidates[0].content.parts) {
  if (part.inlineData) {
    const buf = Buffer.from(part.inlineData.data, "base64");
    require("fs").writeFileSync("output.jpg", buf);
    console.log(`saved ${buf.length} bytes`);
  }
}
