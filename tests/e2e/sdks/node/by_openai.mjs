// Pictures through openai-node; what came is printed as JSON. Arguments as those of by_openai.py.
import fs from "fs";
import OpenAI from "openai";

const [url, key, model, folder] = process.argv.slice(2);
const client = new OpenAI({ apiKey: key, baseURL: `${url}/openai/v1`, maxRetries: 0 });
const save = (name, text) => fs.writeFileSync(`${folder}/${name}`, Buffer.from(text, "base64"));
const told = {};

let answer = await client.images.generate({ model, prompt: "a fox", n: 1, size: "1024x1024", quality: "high" });
told.link = answer.data[0].url;

const image = fs.createReadStream(`${folder}/reference.png`);
answer = await client.images.edit({ model, image, prompt: "in the snow", size: "1536x1024", response_format: "b64_json" });
save("edit", answer.data[0].b64_json);

const events = [];
for await (const event of await client.images.generate({ model, prompt: "a fox", size: "1024x1024", stream: true })) {
  events.push(event);
}
told.events = [...new Set(events.map((event) => event.type))].sort();
save("stream", events.at(-1).b64_json);

told.models = (await client.models.list()).data.map((each) => each.id);
await client.images.generate({ model: `${model}x`, prompt: "a fox" }).catch((error) => {
  told.error = [error.constructor.name, error.status, error.code];
});
console.log(JSON.stringify(told));
