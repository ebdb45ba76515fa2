import OpenAI from "openai";
const client = new OpenAI({
  apiKey: "sk-koci_your_api_key",
  baseURL: "https://your-domain.com/openai/v1",
});
const response = await client.images.generate({
  model: "image-2",
  prompt: "一只穿着宇航服的猫在月球上漫步",
  n: 1,
  size: "1024x1024",
  quality: "hd",
});
console.log(response.data[0].url);
