import OpenAI from "openai";
import fs from "fs";
const client = new OpenAI({
  apiKey: "sk-koci_your_api_key",
  baseURL: "https://your-domain.com/openai/v1",
});
const response = await client.images.edit({
  model: "image-2-hd",
  image: fs.createReadStream("reference.png"),
  prompt: "将背景改为星空,保留主体人物",
  size: "1024x1024",
});
console.log(response.data[0].url);
