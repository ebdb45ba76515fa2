// Pictures through @anthropic-ai/sdk; what came is printed as JSON. Arguments as those of by_anthropic.py.
import fs from "fs";
import Anthropic from "@anthropic-ai/sdk";

const [url, key, model, folder] = process.argv.slice(2);
const client = new Anthropic({ apiKey: key, baseURL: `${url}/anthropic`, maxRetries: 0 });
const data = fs.readFileSync(`${folder}/reference.png`).toString("base64");
const reference = { type: "image", source: { type: "base64", media_type: "image/png", data } };
const words = { type: "text", text: "a fox in the snow" };
const asked = (...content) => ({ model, max_tokens: 1024, messages: [{ role: "user", content }] });
const seen = (message) => [message.content.map((block) => block.type), message.content[0].text];
const told = {};

told.generate = seen(await client.messages.create(asked(words)));
told.edit = seen(await client.messages.create(asked(reference, words)));
told.stream = seen(await client.messages.stream(asked(words)).finalMessage());
told.tokens = (await client.messages.countTokens({ model, messages: asked(words).messages })).input_tokens;
told.models = (await client.models.list()).data.map((each) => each.id);
await client.messages.create({ ...asked(words), model: `${model}x` }).catch((error) => {
  told.error = [error.constructor.name, error.status];
});
console.log(JSON.stringify(told));
