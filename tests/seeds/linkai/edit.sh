curl --request POST \
  --url https://api.link-ai.tech/v1/images/generations \
  --header 'Authorization: Bearer YOUR_API_KEY' \
  --header 'Content-Type: application/json' \
  --data '{
  "model": "gemini-3.1-flash-image-preview",
  "prompt": "把背景换成雪山,整体改为油画风格",
  "images": ["https://cdn.link-ai.tech/user/generate/eaf7c477-2fe5-4420-8c23-df2a27a55593.png"]
}'
