// Pictures through @google/genai; what came is printed as JSON. Arguments as those of by_google.py.
import fs from "fs";
import { GoogleGenAI } from "@google/genai";

const [url, key, model, folder] = process.argv.slice(2);
const client = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: `${url}/google/v1beta` } });
const config = { responseModalities: ["TEXT", "IMAGE"], imageConfig: { aspectRatio: "16:9" } };
const told = {};
const save = (name, answer) => {
  const [picture] = answer.candidates[0].content.parts.filter((part) => part.inlineData);
  fs.writeFileSync(`${folder}/${name}`, Buffer.from(picture.inlineData.data, "base64"));
};

const first = await client.models.generateContent({ model, contents: "a fox", config });
save("generate", first);

const data = fs.readFileSync(`${folder}/reference.png`).toString("base64");
const reference = { inlineData: { mimeType: "image/png", data } };
save("edit", await client.models.generateContent({ model, contents: [reference, "in the snow"], config }));

const chunks = [];
for await (const chunk of await client.models.generateContentStream({ model, contents: "a fox", config })) {
  chunks.push(chunk);
}
save("stream", chunks.at(-1));

const history = [
  { role: "user", parts: [{ text: "a fox" }] },
  first.candidates[0].content,
  { role: "user", parts: [{ text: "now at night" }] },
];
save("history", await client.models.generateContent({ model, contents: history, config }));

told.tokens = (await client.models.countTokens({ model, contents: "a fox in the snow" })).totalTokens;
const file = await client.files.upload({ file: `${folder}/reference.png`, config: { mimeType: "image/png" } });
told.file = [file.mimeType, Number(file.sizeBytes), file.state];
const part = { fileData: { fileUri: file.uri, mimeType: file.mimeType } };
save("uploaded", await client.models.generateContent({ model, contents: [part, "in the snow"], config }));

told.models = [];
for await (const each of await client.models.list()) told.models.push(each.name);
await client.models.generateContent({ model: `${model}x`, contents: "a fox" }).catch((error) => {
  told.error = [error.constructor.name, error.status];
});
console.log(JSON.stringify(told));
